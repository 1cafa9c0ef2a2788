import assert from "node:assert/strict";
import { checkShape, type Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { CreateVolumeOptions, StageVolumeOptions } from "../../volume-io.ts";
import { refuseFullPool } from "../cluster/pools.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { claimVolume, createVolume, findVolume, releaseVolume, volumeToCreate } from "../cluster/volumes.ts";
import { type BlockTable, BlockTableDamaged } from "../data/blocks.ts";
import type { Writer } from "../data/locks.ts";
import { forgetStaging, insertStaging } from "../data/stagings.ts";
import { clearExtent, copyWhatIsThere, createTable, dropTable, loadBlocks } from "../data/versions.ts";
import type { Database } from "../database/database.ts";

/** An extent table that is being filled to become a volume's. */
export interface Staging {
  readonly tableId: number;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly name: string;
  readonly becomes: CreateVolumeOptions | { readonly volumeId: string };
}

/*
 * A volume's next content lies in a table of its own; the swap is the volume's row pointing at it.
 * Everything here runs inside the caller's transaction.
 */

/** @throws VOLUME_NAME_TAKEN, BAD_REQUEST, VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_BUSY */
export const beginStaging = (database: Database, writer: Writer, options: StageVolumeOptions): Staging => {
  const staging =
    options.into === undefined
      ? stagingOfNew(database, options.create)
      : stagingOf(database, claimVolume(database, writer, options.into), options.growTo);
  insertStaging(database, staging.tableId, writer.id);
  return staging;
};

const stagingOfNew = (database: Database, create: CreateVolumeOptions): Staging => {
  const { name, sizeBytes, geometry } = volumeToCreate(database, create);
  return { tableId: createTable(database), sizeBytes, geometry, name, becomes: create };
};

const stagingOf = (database: Database, volume: VolumeRow, growTo = 0): Staging => {
  const geometry = geometryOf(volume);
  const sizeBytes = Math.max(volume.sizeBytes, growTo);
  checkShape({ sizeBytes, geometry });
  const tableId = copyWhatIsThere(database, volume.tableId);
  return { tableId, sizeBytes, geometry, name: volume.name, becomes: { volumeId: volume.id } };
};

/**
 * The blocks of an extent that is staged. A damaged block table can't be kept, whatever the next
 * content is: the extent is a hole from then on, and `note` is told which version it was. @returns
 * undefined for a hole
 */
export const loadStaged = (
  database: Database,
  { tableId }: Staging,
  extent: number,
  note: (damaged: { readonly versionId: number }) => void,
): BlockTable | undefined => {
  try {
    return database.snapshot(() => loadBlocks(database, tableId, extent));
  } catch (error) {
    if (!(error instanceof BlockTableDamaged)) throw error;
    if (error.versionId !== undefined) note({ versionId: error.versionId });
    database.transaction(() => clearExtent(database, tableId, extent));
    return undefined;
  }
};

/**
 * @returns the volume, which may be written by others from now on.
 * @throws VOLUME_NAME_TAKEN, POOL_FULL
 */
export const swapIn = (database: Database, writer: Writer, staging: Staging): VolumeRow => {
  const { tableId, sizeBytes, becomes } = staging;
  const volume = "volumeId" in becomes ? claimed(database, writer, becomes.volumeId) : createVolume(database, becomes);
  forgetStaging(database, tableId);
  database.run("UPDATE volumes SET tableId = ?, sizeBytes = ? WHERE id = ?", tableId, sizeBytes, volume.id);
  dropTable(database, volume.tableId);
  releaseVolume(database, writer, volume.id);
  if (sizeBytes > volume.sizeBytes) refuseFullPool(database, volume.pool, `“${volume.name}”`);
  return findVolume(database, volume.id);
};

const claimed = (database: Database, writer: Writer, volumeId: string): VolumeRow => {
  const volume = findVolume(database, volumeId);
  assert(volume.writer === writer.id, `volume ${volumeId} got another writer while it was claimed`);
  return volume;
};

export const giveUpStaging = (database: Database, writer: Writer, staging: Staging): void => {
  const { tableId, becomes } = staging;
  forgetStaging(database, tableId);
  dropTable(database, tableId);
  if ("volumeId" in becomes) releaseVolume(database, writer, becomes.volumeId);
};
