import type { ErrorCode } from "../../../../core/api/errors.ts";
import type { GroupId, Instant } from "../../../../core/api/ids.ts";
import type { Reason } from "../../../../core/api/reason.ts";
import { boundedWarnings } from "../../../../core/run/warnings.ts";
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
  /** CloudTower's id of the virtual volume whose LUN it is; null: it is a LUN by itself. */
  readonly vmVolume: string | null;
}

/** Of a group, the snapshots that are not taken yet. */
export const toTake = (database: Database, groupId: GroupId): readonly Member[] =>
  database.all<Member>(
    `SELECT s.tableId, s.volumeId, l.lun, ifnull(f.zbsVolumeId, l.zbsVolumeId) AS zbsVolumeId, l.vmVolume
     FROM snapshots s
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

/** Beside what was to be told of the group already. */
export const putApart = (database: Database, groupId: GroupId, apartMs: number): void => {
  if (apartMs === 0) return;
  const sql = "SELECT warnings FROM snapshotGroups WHERE id = ?";
  const told = database.one<{ warnings: string | null }>(sql, groupId)?.warnings ?? "[]";
  const warnings = boundedWarnings([takenApart(apartMs), ...(JSON.parse(told) as Reason[])]);
  database.run("UPDATE snapshotGroups SET warnings = ? WHERE id = ?", JSON.stringify(warnings), groupId);
};

const takenApart = (apartMs: number): Reason => ({
  code: "SNAPSHOTS_APART" satisfies ErrorCode,
  message: `The snapshots are not of one instant, but up to ${apartMs} ms apart: CloudTower takes these together with the nodes' command line only (storage.ssh of the gateway).`,
});

/** When it was really taken. */
export const putInstant = (database: Database, groupId: GroupId, takenAt: Instant): void => {
  database.run("UPDATE snapshotGroups SET takenAt = ? WHERE id = ?", takenAt, groupId);
};
