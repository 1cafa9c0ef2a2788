import type { GroupId } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import { snapshotOfVolume } from "../../extentstore/cluster/stand-ins.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { lockedBy } from "../../extentstore/rollback/record.ts";
import { lunOfVolume, snapshotOf } from "../records/luns.ts";

export interface LunToRollBack {
  readonly lun: string;
  readonly sizeBytes: number;
  /** CloudTower's id of what it becomes; null: the cluster has it no more. */
  readonly snapshot: string | null;
  readonly wantedBytes: number;
}

/** The LUNs that a rollback has begun to write, each with what it becomes. Inside a transaction. */
export const lunsToRollBack = (
  database: Database,
  { key, fromGroupId }: { readonly key: GroupId; readonly fromGroupId: GroupId },
): readonly LunToRollBack[] =>
  lockedBy(database, key).flatMap((volumeId) => {
    const lun = lunOfVolume(database, volumeId);
    const snapshot = snapshotOfVolume(database, fromGroupId, volumeId);
    if (lun === undefined || snapshot === undefined) return [];
    return [
      {
        lun: lun.lun,
        sizeBytes: lun.sizeBytes,
        snapshot: snapshotOf(database, snapshot.tableId),
        wantedBytes: snapshot.sizeBytes,
      },
    ];
  });

export interface Rolling {
  readonly key: GroupId;
  readonly owner: Owner;
  readonly fromGroupId: GroupId;
}
