import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";
import { endAborted } from "./grants.ts";
import { dropAborted } from "./prepared.ts";

/*
 * Groups that are never published, and that nothing is made or written for any more. Everything
 * here runs inside the caller's transaction.
 */

export const abortGroup = (database: Database, groupId: GroupId, owner: Owner): void => {
  database.run(
    "INSERT OR IGNORE INTO abortedGroups (groupId, planId, source) VALUES (?, ?, ?)",
    groupId,
    owner.planId,
    owner.source,
  );
  database.run(
    `UPDATE mirrors SET epoch = epoch + 1
     WHERE planId = ? AND source = ? AND groupId = ? AND sequence > publishedSequence`,
    owner.planId,
    owner.source,
    groupId,
  );
  dropAborted(database, owner, groupId);
  endAborted(database, owner, groupId);
};

export const isAborted = (database: Database, groupId: string, owner: Owner): boolean =>
  database.one(
    "SELECT 1 FROM abortedGroups WHERE groupId = ? AND planId = ? AND source = ?",
    groupId,
    owner.planId,
    owner.source,
  ) !== undefined;

/** @throws GROUP_ABORTED */
export const refuseAborted = (database: Database, groupId: string, owner: Owner): void => {
  if (!isAborted(database, groupId, owner)) return;
  throw new VisibleError("GROUP_ABORTED", `Group ${groupId} was aborted.`, { hint: "Run the plan again." });
};
