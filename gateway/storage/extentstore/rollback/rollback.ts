import type { GroupId } from "../../../../core/api/ids.ts";
import type { StorageCall } from "../../call.ts";
import type { ObjectId, Owner } from "../../control.ts";
import type { RollbackOptions, RolledBack } from "../../rollback.ts";
import { unfinishedOf, unfinishedOfVm } from "../cluster/unfinished.ts";
import { volumeIdOf } from "../cluster/volume-row.ts";
import type { Store } from "../data/store.ts";
import type { Database } from "../database/database.ts";
import { shapeAll, swapAll } from "./become.ts";
import { beginInPlace, shapeAsBefore, undoing, writeInPlace } from "./in-place.ts";
import { planRollback } from "./plan.ts";
import { findRollback, lostOf, putDone, putUndone, toldBefore } from "./record.ts";

/** In one transaction: all objects are the old ones, or all are the new ones. */
export const rollbackBySwap = (store: Store, options: RollbackOptions): readonly RolledBack[] =>
  store.database.transaction(() => {
    const { database } = store;
    const known = toldBefore(findRollback(database, options.key, options.owner));
    if (known !== undefined) return known;
    const told = swapAll(database, planRollback(store, options));
    putDone(database, options, told);
    return told;
  });

/** Goes on with what was begun with the same key. */
export const rollbackInPlace = async (
  store: Store,
  options: RollbackOptions,
  call: StorageCall | undefined,
): Promise<readonly RolledBack[]> => {
  const { database } = store;
  const { key, owner, from } = options;
  const known = database.transaction(() => {
    const row = findRollback(database, key, owner);
    const told = toldBefore(row);
    if (told === undefined && row === undefined) beginInPlace(database, options, planRollback(store, options));
    return told;
  });
  if (known !== undefined) return known;
  await writeInPlace(store, { key, owner, fromGroupId: from.groupId, state: "writing" }, call);
  return database.transaction(() => {
    const row = findRollback(database, key, owner);
    const told = toldBefore(row);
    if (told !== undefined) return told;
    const done = shapeAll(database, planRollback(store, options, row && lostOf(row)));
    putDone(database, options, done);
    return done;
  });
};

/** @returns whether it was done before */
export const undoRollback = async (
  store: Store,
  of: { readonly key: GroupId; readonly owner: Owner },
  call: StorageCall | undefined,
): Promise<{ readonly wasDone: boolean }> => {
  const { database } = store;
  const begun = database.transaction(() => undoing(database, of));
  if (begun !== undefined) await writeInPlace(store, begun, call);
  return database.transaction(() => {
    const now = findRollback(database, of.key, of.owner)?.state;
    if (now === "done") return { wasDone: true };
    if (now === "undoing") shapeAsBefore(database, of.key);
    putUndone(database, of);
    return { wasDone: false };
  });
};

/** Inside a transaction. */
export const unfinishedRollbacks = (
  database: Database,
  objects: readonly ObjectId[],
): readonly { readonly key: GroupId; readonly owner: Owner }[] => {
  const keys = new Set(
    objects.flatMap((object) =>
      object.kind === "vm"
        ? unfinishedOfVm(database, object.id)
        : (unfinishedOf(database, volumeIdOf(object) ?? object.id) ?? []),
    ),
  );
  return [...keys].flatMap((key) => {
    const row = database.one<Owner>("SELECT planId, source FROM rollbacks WHERE key = ?", key);
    return row === undefined ? [] : [{ key, owner: { planId: row.planId, source: row.source } }];
  });
};
