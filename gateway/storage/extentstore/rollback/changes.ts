import type { Instant } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import type { ChangesSinceOptions, ObjectChanges } from "../../rollback.ts";
import type { Cluster } from "../administration/remove.ts";
import type { SnapshotRow } from "../cluster/snapshots.ts";
import { countDiffering } from "../data/differing.ts";
import type { Database } from "../database/database.ts";
import { finderIn, findLive, findNow, liveOf, nameOf, type Then } from "./now-and-then.ts";
import { usedBy } from "./used-by.ts";

/* Everything here runs inside the caller's transaction. */

export const changesSince = (
  cluster: Cluster,
  { owner, groupId, objects }: ChangesSinceOptions,
): readonly ObjectChanges[] => {
  const { database } = cluster;
  const inGroup = finderIn(database, { groupId, owner });
  return objects.flatMap(({ kind, id }) => {
    const now = findNow(database, { kind, id });
    if (now === undefined) return [];
    const then = inGroup({ kind, id });
    const known = { kind, id, name: nameOf(now), usedBy: usedBy(cluster, now, liveOf(database, then)) };
    return [{ ...known, ...(then === undefined ? unknown : changesOf(database, owner, then)) }];
  });
};

const unknown = { extents: undefined, since: undefined };

/** What its VM has got since is not lost by a rollback, and nor is what is not there. */
const changesOf = (database: Database, owner: Owner, { snapshots }: Then): Pick<ObjectChanges, "extents" | "since"> => {
  let extents = 0;
  let since: Instant | undefined;
  for (const [volumeId, snapshot] of snapshots) {
    const live = findLive(database, volumeId);
    const count = live === undefined ? 0 : countDiffering(database, live.tableId, snapshot.tableId);
    if (count === 0) continue;
    extents += count;
    const last = lastSame(database, owner, snapshot);
    if (since === undefined || (last !== undefined && last < since)) since = last;
  }
  return { extents, since };
};

/** So many of the newest groups are looked at. */
const groupsLookedAtMax = 500;

/** When the newest group was taken that has the volume as the group has it. */
const lastSame = (
  database: Database,
  { planId, source }: Owner,
  { number, sourceVolumeId, tableId }: SnapshotRow,
): Instant | undefined =>
  database
    .all<{ tableId: number; takenAt: Instant }>(
      `SELECT s.tableId, takenAt FROM snapshotGroups g JOIN snapshots s ON s.groupId = g.id
       WHERE planId = ? AND source = ? AND sourceVolumeId = ? AND manifest IS NULL AND s.number >= ?
       ORDER BY s.number DESC LIMIT ?`,
      planId,
      source,
      sourceVolumeId,
      number,
      groupsLookedAtMax,
    )
    .find((row) => countDiffering(database, row.tableId, tableId) === 0)?.takenAt;
