import type { GroupId } from "../../../../core/api/ids.ts";
import type { Owner, Staged } from "../../control.ts";
import { forgetPlan, rememberPlan } from "../cluster/foreign-plans.ts";
import { deleteGroup, isOwnGroup, listGroups, notOurs, refuseOthersGroup } from "../cluster/snapshots.ts";
import type { Database } from "../database/database.ts";
import { abortGroup } from "./aborted.ts";
import { dropStaleMirrors } from "./stale.ts";

/*
 * What is brought here for a restore. Its owner is one that lasts as long as the restore does, and
 * all that it has goes at once. Everything here runs inside the caller's transaction.
 */

/** @throws NOT_OURS (the seed is another owner's, or the owner is a plan that is known here) */
export const rememberStaged = (database: Database, owner: Owner, { restoreId, seed }: Staged): void => {
  if (seed !== null) refuseOthersGroup(database, seed.groupId, seed.owner);
  refusePlans(database, owner);
  database.run(
    "INSERT OR REPLACE INTO restoreOwners (planId, source, seedGroupId) VALUES (?, ?, ?)",
    owner.planId,
    owner.source,
    seed?.groupId ?? null,
  );
  rememberPlan(database, owner, restoreId);
};

/** Whether a mirror of the owner may start from a group: its own, or its restore's seed. */
export const isBaseOf = (database: Database, groupId: GroupId, owner: Owner): boolean =>
  isOwnGroup(database, groupId, owner) || restoreOwner(database, owner)?.seedGroupId === groupId;

/** @throws NOT_OURS */
export const dropStaged = (database: Database, groupId: GroupId, owner: Owner): void => {
  refusePlans(database, owner);
  abortGroup(database, groupId, owner);
  if (restoreOwner(database, owner) === undefined) return;
  for (const group of listGroups(database, owner)) deleteGroup(database, group.groupId, owner);
  dropStaleMirrors(database, owner, Number.MAX_SAFE_INTEGER);
  forgetPlan(database, owner);
  database.run("DELETE FROM restoreOwners WHERE planId = ? AND source = ?", owner.planId, owner.source);
};

const restoreOwner = (database: Database, { planId, source }: Owner): { seedGroupId: GroupId | null } | undefined =>
  database.one("SELECT seedGroupId FROM restoreOwners WHERE planId = ? AND source = ?", planId, source);

/** What has mirrors or groups here, and was not brought for a restore, is a plan. */
const refusePlans = (database: Database, owner: Owner): void => {
  if (restoreOwner(database, owner) !== undefined) return;
  const { planId, source } = owner;
  const mirror = database.one("SELECT 1 FROM mirrorObjects WHERE planId = ? AND source = ? LIMIT 1", planId, source);
  if (mirror !== undefined || listGroups(database, owner).length > 0) throw notOurs("What is here", owner);
};
