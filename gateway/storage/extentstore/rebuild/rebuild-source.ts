import { VisibleError } from "../../../../core/api/errors.ts";
import type { Mapping } from "../../../../core/api/object.ts";
import type { RebuildObjectOptions } from "../../control.ts";
import { defaultPool, findPool } from "../cluster/pools.ts";
import { keptMapping, refuseOthersGroup, type SnapshotRow, snapshotOfSource } from "../cluster/snapshots.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { insertVolume, type NewVolume } from "../cluster/volumes.ts";
import { fillTable } from "../data/versions.ts";
import type { Database } from "../database/database.ts";

/**
 * What a rebuild is made of: a group's snapshots of an object's volumes, and how its
 * mirror was mapped then.
 */
export interface RebuildSource {
  /** By the ids that the volumes have in the object. */
  readonly snapshots: ReadonlyMap<string, SnapshotRow>;
  /** Null: the group is of this cluster, or of a version that kept none. */
  readonly mapping: Mapping | null;
  readonly isOfThisCluster: boolean;
  readonly pool: string;
}

/** @throws SNAPSHOT_UNKNOWN, NOT_OURS, POOL_UNKNOWN */
export const rebuildSource = (
  database: Database,
  { owner, groupOwner = owner, fromGroupId, object, wishes = {} }: RebuildObjectOptions,
): RebuildSource => {
  refuseOthersGroup(database, fromGroupId, groupOwner);
  const snapshots = new Map(
    object.volumes.map(({ id }) => {
      const snapshot = snapshotOfSource(database, fromGroupId, id);
      if (snapshot !== undefined) return [id, snapshot];
      throw new VisibleError("SNAPSHOT_UNKNOWN", `Group ${fromGroupId} has no snapshot of “${object.name}” (${id}).`, {
        hint: "The group may have been reclaimed; choose another one.",
      });
    }),
  );
  const { mapping, isOfThisCluster } = keptMapping(database, fromGroupId, object);
  const ownPool = mapping?.pool ?? poolOf(database, snapshots);
  const pool = wishes.pool === undefined ? poolThere(database, ownPool) : findPool(database, wishes.pool);
  return { snapshots, mapping, isOfThisCluster, pool };
};

/** Makes a volume of a snapshot's extents. */
export const insertRebuilt = (
  database: Database,
  snapshot: SnapshotRow,
  volume: Omit<NewVolume, "role" | "sizeBytes" | "geometry">,
): VolumeRow => {
  const { sizeBytes, tableId: fromTableId } = snapshot;
  const row = insertVolume(database, { role: "rebuilt", sizeBytes, geometry: geometryOf(snapshot), ...volume });
  fillTable(database, { tableId: row.tableId, fromTableId });
  return row;
};

/** In which the volumes lie that the snapshots were taken of, if they are there still. */
const poolOf = (database: Database, snapshots: RebuildSource["snapshots"]): string | undefined => {
  const [first] = snapshots.values();
  return database.one<{ pool: string }>("SELECT pool FROM volumes WHERE id = ?", first?.volumeId ?? "")?.pool;
};

/** One that was there when the mirror was made need not be there now. */
const poolThere = (database: Database, name = defaultPool): string =>
  database.one("SELECT 1 FROM pools WHERE name = ?", name) === undefined ? defaultPool : name;
