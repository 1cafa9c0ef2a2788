import { VisibleError } from "../../../../core/api/errors.ts";
import { type GroupId, restoreIdOfGroup } from "../../../../core/api/ids.ts";
import type { Database } from "../database/database.ts";

/*
 * Objects that are being rolled back in place: some of an object may be the old one, and some the
 * new. Everything here runs inside the caller's transaction.
 */

interface UnfinishedRow {
  /** Of a volume or a VM. */
  readonly id: string;
  readonly key: GroupId;
}

/** The rollback that has begun to write a volume or a VM, and has not ended. */
export const unfinishedOf = (database: Database, id: string): GroupId | undefined =>
  database.one<UnfinishedRow>("SELECT * FROM rollbackLocks WHERE id = ?", id)?.key;

/** @param name for people. @throws ROLLBACK_UNFINISHED */
export const refuseUnfinished = (database: Database, { id, name }: { readonly id: string; readonly name: string }) => {
  const key = unfinishedOf(database, id);
  if (key !== undefined) throw unfinished(name, key);
};

/** A VM is, too, when one of its disks is by itself. @throws ROLLBACK_UNFINISHED */
export const refuseUnfinishedVm = (
  database: Database,
  { id, name }: { readonly id: string; readonly name: string },
) => {
  const key = unfinishedOfVm(database, id)[0];
  if (key !== undefined) throw unfinished(name, key);
};

/** The rollbacks that have begun to write a VM, or a disk that it has, and have not ended. */
export const unfinishedOfVm = (database: Database, vmId: string): readonly GroupId[] =>
  database
    .all<Pick<UnfinishedRow, "key">>(
      `SELECT DISTINCT key FROM rollbackLocks
       WHERE id = ?1 OR id IN (SELECT volumeId FROM vmDisks WHERE vmId = ?1) ORDER BY key`,
      vmId,
    )
    .map(({ key }) => key);

export const unfinished = (name: string, key: GroupId): VisibleError => {
  const restore = restoreIdOfGroup(key);
  return new VisibleError("ROLLBACK_UNFINISHED", `“${name}” is half rolled back, by ${restore}: nobody can use it.`, {
    hint: `It is finished by itself. To have it as it was before: smtx-backup run cancel ${restore}. Where that has ended, roll back again.`,
  });
};

/** A rollback that has not ended needs the group. @throws ROLLBACK_UNFINISHED */
export const refuseNeeded = (database: Database, groupId: GroupId): void => {
  const row = database.one<{ key: GroupId }>(
    `SELECT key FROM rollbacks
     WHERE (state IN ('writing', 'undoing') AND key = ?1) OR (state = 'writing' AND fromGroupId = ?1)`,
    groupId,
  );
  if (row !== undefined) throw unfinished(groupId, row.key);
};
