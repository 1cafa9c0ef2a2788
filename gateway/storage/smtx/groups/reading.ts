import { randomBytes } from "node:crypto";
import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { extentCount } from "../../../../core/api/object/volume-shape.ts";
import type { StorageCall } from "../../call.ts";
import type { WantedSnapshot } from "../../control.ts";
import { findWantedSnapshot, shapeOfSnapshot } from "../../extentstore/cluster/snapshots.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { SnapshotHandle, SnapshotReader } from "../../volume-io.ts";
import { withHoles } from "../blocks/believed-holes.ts";
import { ClonedSnapshotReader } from "../blocks/snapshot-reader.ts";
import type { ClusterContext } from "../context.ts";
import { ourName } from "../names.ts";

/** The temporary clone that a snapshot is read by. */
const accessSchema = z.object({
  name: z.string(),
  lun: z.string(),
  iqn: z.string(),
  lunId: z.int(),
  /** The cluster's own id of the snapshot, whose extent table tells what has changed. */
  zbsVolumeId: z.string(),
});
type Access = z.infer<typeof accessSchema>;

export const openClone = async (
  { ledger, hands, holder }: ClusterContext,
  wanted: WantedSnapshot,
  call?: StorageCall,
): Promise<SnapshotHandle> => {
  const { row, known } = await ledger.read((database) => {
    const found = findWantedSnapshot(database, wanted);
    return { row: found, known: takenOf(database, found.tableId) };
  }, call);
  if (known === undefined) throw gone(row.id);
  const name = ourName("read", holder.id, randomBytes(8).toString("hex"));
  const { snapshot, zbsVolumeId } = known;
  await holder.hold(name, call);
  try {
    const { lun, iqn, lunId } = await hands.cloneSnapshot({ snapshot, zbsVolumeId, name }, call);
    const access: Access = { name, lun, iqn, lunId, zbsVolumeId };
    return { ...shapeOfSnapshot(row), access: JSON.stringify(access) };
  } catch (error) {
    await holder.letGo(name);
    throw error;
  }
};

export const readClone = async (
  { initiator, extentTokens, ledger }: ClusterContext,
  handle: SnapshotHandle,
): Promise<SnapshotReader> => {
  const { sizeBytes, geometry } = handle;
  const { iqn, lunId, zbsVolumeId } = accessOf(handle);
  const openLun = (call?: StorageCall) =>
    initiator.openLun({ targetName: iqn, lun: lunId }, call).catch((error: unknown) => {
      throw VisibleError.is(error, "VOLUME_UNKNOWN") ? gone(handle.snapshotId) : error;
    });
  const openClone = async (call?: StorageCall) => withHoles(ledger, await openLun(call), call);
  const extents = extentCount(geometry, sizeBytes);
  const extentMap = extentTokens && ((watch?: StorageCall) => extentTokens(zbsVolumeId, extents, watch));
  return new ClonedSnapshotReader({ openClone, sizeBytes, geometry, extentMap });
};

/** Nobody waits until the LUN is gone. */
export const closeClone = async (
  { hands, holder, background }: ClusterContext,
  handle: SnapshotHandle,
): Promise<void> => {
  const { lun, name } = accessOf(handle);
  await background.begin((call) => hands.removeLun(lun, call).finally(() => holder.letGo(name)));
};

const accessOf = ({ access, snapshotId }: SnapshotHandle): Access => {
  if (access === undefined) throw gone(snapshotId);
  return accessSchema.parse(JSON.parse(access));
};

const takenOf = (database: Database, tableId: number) =>
  database.one<{ snapshot: string; zbsVolumeId: string }>(
    "SELECT snapshot, zbsVolumeId FROM snapshotsOfTables WHERE tableId = ?",
    tableId,
  );

const gone = (snapshotId: string): VisibleError =>
  new VisibleError("SNAPSHOT_UNKNOWN", `The cluster has no snapshot for ${snapshotId}.`, {
    hint: "Its group may have been reclaimed. List those that are left with: smtx-backup group list",
  });
