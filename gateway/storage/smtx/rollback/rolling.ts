import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import { snapshotOfVolume } from "../../extentstore/cluster/stand-ins.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { lockedBy } from "../../extentstore/rollback/record.ts";
import type { FileRef } from "../cluster/hands.ts";
import { fileOfVolume } from "../files/files-of-volumes.ts";
import { lunOfVolume } from "../records/luns.ts";

export interface VolumeToRollBack {
  readonly volumeId: string;
  /** CloudTower's id; undefined: it is a file. */
  readonly lun: string | undefined;
  readonly file: FileRef | undefined;
  /** What it becomes; undefined: the cluster has it no more. */
  readonly taken: { readonly snapshot: string; readonly zbsVolumeId: string } | undefined;
}

/** What a rollback has begun to write, each with what it becomes. Inside a transaction. */
export const volumesToRollBack = (
  database: Database,
  { key, fromGroupId }: { readonly key: GroupId; readonly fromGroupId: GroupId },
): readonly VolumeToRollBack[] =>
  lockedBy(database, key).flatMap((volumeId) => {
    const lun = lunOfVolume(database, volumeId)?.lun;
    const file = fileOfVolume(database, volumeId);
    const snapshot = snapshotOfVolume(database, fromGroupId, volumeId);
    if ((lun === undefined && file === undefined) || snapshot === undefined) return [];
    const taken = database.one<{ snapshot: string; zbsVolumeId: string }>(
      "SELECT snapshot, zbsVolumeId FROM snapshotsOfTables WHERE tableId = ?",
      snapshot.tableId,
    );
    return [{ volumeId, lun, file, taken }];
  });

/**
 * Whoever goes on with a rollback, or undoes it, writes what somebody may have started since.
 * Inside a transaction. @throws OBJECT_BUSY
 */
export const refuseStarted = (database: Database, key: GroupId): void => {
  for (const id of lockedBy(database, key)) {
    const on = database.one<{ name: string }>(
      `SELECT name FROM vms WHERE status <> 'STOPPED' AND role <> 'mirror'
         AND (id = ?1 OR EXISTS (SELECT 1 FROM vmDisks WHERE vmId = vms.id AND volumeId = ?1))`,
      id,
    );
    if (on !== undefined) throw started(on.name);
  }
};

const started = (name: string): VisibleError =>
  new VisibleError("OBJECT_BUSY", `The VM “${name}” is on, and a rollback of it, or of its disks, has not ended.`, {
    hint: "What it has is half of each. Switch it off with: smtx-backup object power-off VM --site SITE",
  });
