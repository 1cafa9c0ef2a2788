import { VisibleError } from "../../../../core/api/errors.ts";
import { checkShape } from "../../../../core/api/object/volume-shape.ts";
import { sectorBytes } from "../../../../core/api/object-spec.ts";
import { exactBytes } from "../../../../core/object/exact-bytes.ts";
import { refuseFullPool } from "../cluster/pools.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { refuseBusy } from "../cluster/volumes.ts";
import type { Cluster } from "./remove.ts";

/**
 * Gives a volume another size; what is new of it reads as zeros. Inside a transaction.
 * @throws VOLUME_TOO_SMALL (it would shrink), OBJECT_BUSY, POOL_FULL, BAD_REQUEST
 */
export const growVolume = ({ database, writer }: Cluster, volume: VolumeRow, sizeBytes: number): void => {
  if (sizeBytes === volume.sizeBytes) return;
  if (sizeBytes < volume.sizeBytes) {
    throw new VisibleError(
      "VOLUME_TOO_SMALL",
      `“${volume.name}” has ${exactBytes(volume.sizeBytes)}, and can't shrink to ${exactBytes(sizeBytes)}.`,
      { hint: "Make a smaller one, and copy what is in it." },
    );
  }
  if (volume.kind !== "nfs-file" && sizeBytes % sectorBytes !== 0) throw noWholeSectors(volume.name, sizeBytes);
  checkShape({ sizeBytes, geometry: geometryOf(volume) });
  refuseBusy(volume, writer, "OBJECT_BUSY");
  database.run("UPDATE volumes SET sizeBytes = ? WHERE id = ?", sizeBytes, volume.id);
  refuseFullPool(database, volume.pool, `“${volume.name}”`);
};

const noWholeSectors = (name: string, sizeBytes: number): VisibleError => {
  const next = Math.ceil(sizeBytes / sectorBytes) * sectorBytes;
  return new VisibleError(
    "BAD_REQUEST",
    `“${name}” can't have ${sizeBytes} bytes: a disk has whole sectors of ${sectorBytes}.`,
    {
      hint: `Give ${next}, or another multiple of ${sectorBytes}.`,
    },
  );
};
