import type { GroupId, Instant } from "../../../../core/api/ids.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { TakenSnapshot } from "../cluster/hands.ts";
import { putSnapshot } from "../records/luns.ts";

/*
 * The snapshots that a group's rows stand for. Everything here runs inside the caller's
 * transaction.
 */

export interface Member {
  readonly tableId: number;
  readonly volumeId: string;
  /** CloudTower's id of the LUN that is to be snapshotted; null: it knows of none. */
  readonly lun: string | null;
  /** The cluster's own id; null: nobody knows what it lies in. */
  readonly zbsVolumeId: string | null;
}

/** Of a group, the snapshots that are not taken yet. */
export const toTake = (database: Database, groupId: GroupId): readonly Member[] =>
  database.all<Member>(
    `SELECT s.tableId, s.volumeId, l.lun, ifnull(f.zbsVolumeId, l.zbsVolumeId) AS zbsVolumeId FROM snapshots s
     LEFT JOIN lunsOfVolumes l ON l.volumeId = s.volumeId LEFT JOIN filesOfVolumes f ON f.volumeId = s.volumeId
     WHERE groupId = ? AND NOT EXISTS (SELECT 1 FROM snapshotsOfTables t WHERE t.tableId = s.tableId)
     ORDER BY s.number`,
    groupId,
  );

export const putTaken = (
  database: Database,
  members: readonly Member[],
  taken: ReadonlyMap<string, TakenSnapshot>,
): void => {
  for (const member of members) {
    const snapshot = taken.get(member.zbsVolumeId ?? "");
    if (snapshot === undefined) throw new Error(`no snapshot was taken of ${member.volumeId}`);
    putSnapshot(database, member.tableId, snapshot);
  }
};

/** When it was really taken. */
export const putInstant = (database: Database, groupId: GroupId, takenAt: Instant): void => {
  database.run("UPDATE snapshotGroups SET takenAt = ? WHERE id = ?", takenAt, groupId);
};
