import { checkShape } from "../../../../core/api/object/volume-shape.ts";
import type { ObjectSpecOf } from "../../../../core/api/object-spec.ts";
import { plainGeometry } from "../../../../core/extent/geometry.ts";
import { findPool, refuseFullPool } from "../cluster/pools.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { insertVolume, type NewVolume } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";

/* Everything here runs inside the caller's transaction. */

type Sized = Pick<ObjectSpecOf<"volume">, "size" | "pool" | "geometry">;

/** Where and how large. @throws POOL_UNKNOWN, BAD_REQUEST */
export const newVolume = (
  database: Database,
  { size, pool, geometry = plainGeometry }: Sized,
): Pick<NewVolume, "role" | "sizeBytes" | "geometry" | "pool"> => {
  checkShape({ sizeBytes: size, geometry });
  return { role: "plain", sizeBytes: size, geometry, pool: findPool(database, pool) };
};

/** @throws POOL_FULL */
export const insertNew = (database: Database, volume: NewVolume): VolumeRow => {
  const row = insertVolume(database, volume);
  refuseFullPool(database, row.pool, `“${row.name}”`);
  return row;
};
