import type { GroupId, Instant } from "../../../../core/api/ids.ts";
import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
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
  readonly kind: VolumeRow["kind"] | null;
  /** CloudTower's id of the LUN that is to be snapshotted; null: it knows of none. */
  readonly lun: string | null;
  /** The cluster's own id; null: nobody knows in what it lies. */
  readonly zbsVolumeId: string | null;
}

/** Of a group, the snapshots that are not taken yet. */
export const toTake = (database: Database, groupId: GroupId): readonly Member[] =>
  database.all<Member>(
    `SELECT s.tableId, s.volumeId, v.kind, l.lun, l.zbsVolumeId FROM snapshots s
     LEFT JOIN lunsOfVolumes l ON l.volumeId = s.volumeId LEFT JOIN volumes v ON v.id = s.volumeId
     WHERE groupId = ? AND NOT EXISTS (SELECT 1 FROM snapshotsOfTables t WHERE t.tableId = s.tableId)
     ORDER BY s.number`,
    groupId,
  );

/** As the cluster calls it: a file is a volume of its own, whose id is in its row's. */
export const zbsVolumeOf = ({ kind, volumeId, zbsVolumeId }: Member): string | undefined =>
  zbsVolumeId ?? (kind === "nfs-file" ? volumeId.replace(/^volume-/, "") : undefined);

export const putTaken = (
  database: Database,
  members: readonly Member[],
  taken: ReadonlyMap<string, TakenSnapshot>,
): void => {
  for (const member of members) {
    const snapshot = taken.get(zbsVolumeOf(member) ?? "");
    if (snapshot === undefined) throw new Error(`no snapshot was taken of ${member.volumeId}`);
    putSnapshot(database, member.tableId, snapshot);
  }
};

/** When it was really taken. */
export const putInstant = (database: Database, groupId: GroupId, takenAt: Instant): void => {
  database.run("UPDATE snapshotGroups SET takenAt = ? WHERE id = ?", takenAt, groupId);
};
