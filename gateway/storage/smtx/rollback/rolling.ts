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
