import type { Space } from "../../../../core/api/deletion/space.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { StorageCall } from "../../call.ts";
import type { Owner, SpaceOptions } from "../../control.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { ClusterContext } from "../context.ts";

/**
 * What it gives back to delete one group: CloudTower says of each snapshot how much it alone has.
 * Of several of one volume, which share something between them, nobody says it; nor of mirrors.
 */
export const spaceOfGroup = async (
  { ledger, hands }: ClusterContext,
  { owner, groups, mirrors, restored }: SpaceOptions,
  call: StorageCall | undefined,
): Promise<Space | undefined> => {
  if (groups === "all" || groups.length !== 1 || mirrors || restored !== undefined) return undefined;
  const snapshots = await ledger.read((database) => onlyIn(database, owner, groups[0]), call);
  const bytes = await hands.ownBytes(snapshots, call);
  return bytes === undefined ? undefined : { bytes, is: "exact" };
};

/** The cluster's snapshots that no other group has, that of the manifest among them. */
const onlyIn = (database: Database, { planId, source }: Owner, groupId: GroupId | undefined): readonly string[] =>
  database
    .all<{ snapshot: string }>(
      `SELECT t.snapshot FROM snapshots s JOIN snapshotGroups g ON g.id = s.groupId
       JOIN snapshotsOfTables t ON t.tableId = s.tableId
       WHERE g.id = ?1 AND g.planId = ?2 AND g.source = ?3
         AND NOT EXISTS (SELECT 1 FROM snapshots o WHERE o.tableId = s.tableId AND o.groupId <> ?1)
       UNION SELECT m.snapshot FROM manifestsOfGroups m JOIN snapshotGroups g ON g.id = m.groupId
       WHERE g.id = ?1 AND g.planId = ?2 AND g.source = ?3`,
      ...[groupId ?? "", planId, source],
    )
    .map(({ snapshot }) => snapshot);
