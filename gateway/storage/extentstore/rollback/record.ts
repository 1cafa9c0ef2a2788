import { VisibleError } from "../../../../core/api/errors.ts";
import { type GroupId, restoreIdOfGroup } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import type { RollbackOptions, RolledBack } from "../../rollback.ts";
import { notOurs } from "../cluster/snapshots.ts";
import { unfinished, unfinishedOf } from "../cluster/unfinished.ts";
import type { Database } from "../database/database.ts";

/*
 * What is remembered of rollbacks, for ever: a late copy of a task must not do again what was done,
 * nor do what was given up. Everything here runs inside the caller's transaction.
 */

export interface RollbackRow extends Owner {
  readonly key: GroupId;
  readonly fromGroupId: GroupId | null;
  readonly state: "writing" | "undoing" | "done" | "undone";
  /** JSON: what is told of it. */
  readonly told: string;
}

/** @throws NOT_OURS */
export const findRollback = (database: Database, key: GroupId, owner: Owner): RollbackRow | undefined => {
  const row = database.one<RollbackRow>("SELECT * FROM rollbacks WHERE key = ?", key);
  if (row === undefined || (row.planId === owner.planId && row.source === owner.source)) return row;
  throw notOurs(`The rollback ${key}`, owner);
};

/** What a rollback that was done came to. @throws ROLLBACK_ENDED when it was given up */
export const toldBefore = (row: RollbackRow | undefined): readonly RolledBack[] | undefined => {
  if (row?.state === "done") return JSON.parse(row.told) as RolledBack[];
  if (row === undefined || row.state === "writing") return undefined;
  throw new VisibleError("ROLLBACK_ENDED", `The rollback ${restoreIdOfGroup(row.key)} was given up.`, {
    hint: "Begin another one with: smtx-backup rollback GROUP",
  });
};

/**
 * From now on nobody can use these volumes and VMs until it has ended.
 * @param lost by objects, in their order
 */
export const putIntent = (
  database: Database,
  { key, owner, from }: RollbackOptions,
  { ids, lost }: { readonly ids: readonly string[]; readonly lost: readonly number[] },
): void => {
  putRow(database, { key, ...owner, fromGroupId: from.groupId, state: "writing", told: JSON.stringify(lost) });
  for (const id of ids) database.run("INSERT INTO rollbackLocks (id, key) VALUES (?, ?)", id, key);
};

export const putDone = (database: Database, { key, owner, from }: RollbackOptions, told: readonly RolledBack[]): void =>
  putEnd(database, { key, ...owner, fromGroupId: from.groupId, state: "done", told: JSON.stringify(told) });

export const putUndone = (database: Database, { key, owner }: { key: GroupId; owner: Owner }): void =>
  putEnd(database, { key, ...owner, fromGroupId: null, state: "undone", told: "[]" });

const putEnd = (database: Database, row: RollbackRow): void => {
  putRow(database, row);
  database.run("DELETE FROM rollbackLocks WHERE key = ?", row.key);
};

const putRow = (database: Database, { key, planId, source, fromGroupId, state, told }: RollbackRow): void => {
  database.run(
    `INSERT INTO rollbacks (key, planId, source, fromGroupId, state, told) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET state = excluded.state, told = excluded.told`,
    key,
    planId,
    source,
    fromGroupId,
    state,
    told,
  );
};

/** What was kept when it began. */
export const lostOf = ({ told }: RollbackRow): readonly number[] => JSON.parse(told) as number[];

/** Who goes on writing is refused from now on. */
export const beginUndoing = (database: Database, key: GroupId): void => {
  database.run("UPDATE rollbacks SET state = 'undoing' WHERE key = ? AND state = 'writing'", key);
};

/** The volumes and VMs that it has begun to write. */
export const lockedBy = (database: Database, key: GroupId): readonly string[] =>
  database.all<{ id: string }>("SELECT id FROM rollbackLocks WHERE key = ? ORDER BY id", key).map(({ id }) => id);

/** @throws ROLLBACK_UNFINISHED when another one has begun to write it */
export const refuseOthers = (database: Database, key: GroupId, of: { id: string; name: string }): void => {
  const other = unfinishedOf(database, of.id);
  if (other !== undefined && other !== key) throw unfinished(of.name, other);
};
