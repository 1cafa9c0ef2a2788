import { setImmediate } from "node:timers/promises";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { StorageCall } from "../../call.ts";
import type { Owner } from "../../control.ts";
import type { RollbackOptions } from "../../rollback.ts";
import { refuseOthersGroup } from "../cluster/snapshots.ts";
import { snapshotOfVolume } from "../cluster/stand-ins.ts";
import { otherExtents } from "../data/differing.ts";
import type { Store } from "../data/store.ts";
import { clearExtent, copyExtent } from "../data/versions.ts";
import type { Database } from "../database/database.ts";
import { findLive, idOf } from "./now-and-then.ts";
import type { Planned } from "./plan.ts";
import { beginUndoing, findRollback, lockedBy, putIntent } from "./record.ts";

/*
 * A cluster without a swap: extent by extent, each a transaction of its own, so that whoever is
 * killed in between leaves half of each.
 */

/** What is written is durably said before, and as large as the larger of both. In a transaction. */
export const beginInPlace = (database: Database, options: RollbackOptions, { objects, volumes }: Planned): void => {
  const ids = [...objects.map(({ now }) => idOf(now)), ...volumes.keys()];
  putIntent(database, options, { ids: [...new Set(ids)], lost: objects.map(({ lostExtents }) => lostExtents) });
  for (const [volumeId, { live, snapshot }] of volumes) {
    if (live === undefined || live.sizeBytes >= snapshot.sizeBytes) continue;
    database.run("UPDATE volumes SET sizeBytes = ? WHERE id = ?", snapshot.sizeBytes, volumeId);
  }
};

interface Writing {
  readonly key: GroupId;
  readonly owner: Owner;
  /** What the volumes become. */
  readonly fromGroupId: GroupId;
  readonly state: "writing" | "undoing";
}

/** Makes what has been begun equal to the group, extent by extent. */
export const writeInPlace = async (store: Store, writing: Writing, call: StorageCall | undefined): Promise<void> => {
  const { database } = store;
  for (const volumeId of database.snapshot(() => lockedBy(database, writing.key))) {
    const extents = database.snapshot(() => extentsToWrite(database, writing, volumeId));
    for (const extent of extents) {
      call?.signal?.throwIfAborted();
      database.transaction(() => writeExtent(database, writing, volumeId, extent));
      call?.onMoved?.();
      await setImmediate();
    }
  }
};

const extentsToWrite = (database: Database, writing: Writing, volumeId: string): readonly number[] => {
  const tables = tablesOf(database, writing, volumeId);
  return tables === undefined ? [] : otherExtents(database, tables.tableId, tables.fromTableId);
};

/** Undefined of a VM, and of a disk that is not there yet. */
const tablesOf = (database: Database, { fromGroupId }: Writing, volumeId: string) => {
  const live = findLive(database, volumeId);
  const snapshot = snapshotOfVolume(database, fromGroupId, volumeId);
  return live && snapshot && { tableId: live.tableId, fromTableId: snapshot.tableId };
};

/** Whoever undoes it, or has finished it, is not written over. */
const writeExtent = (database: Database, writing: Writing, volumeId: string, extent: number): void => {
  const tables = tablesOf(database, writing, volumeId);
  if (tables === undefined || findRollback(database, writing.key, writing.owner)?.state !== writing.state) return;
  clearExtent(database, tables.tableId, extent);
  copyExtent(database, { ...tables, extent });
};

/**
 * What was begun becomes as it was before: the safety group has it. In a transaction.
 * @returns undefined: nothing has begun. @throws NOT_OURS, SNAPSHOT_UNKNOWN
 */
export const undoing = (database: Database, { key, owner }: { key: GroupId; owner: Owner }): Writing | undefined => {
  refuseOthersGroup(database, key, owner);
  beginUndoing(database, key);
  const isBegun = findRollback(database, key, owner)?.state === "undoing";
  if (isBegun && !isThere(database, key)) throw safetyGone(key);
  return isBegun ? { key, owner, fromGroupId: key, state: "undoing" } : undefined;
};

/** The sizes that volumes had. In a transaction. */
export const shapeAsBefore = (database: Database, key: GroupId): void => {
  for (const volumeId of lockedBy(database, key)) {
    const snapshot = snapshotOfVolume(database, key, volumeId);
    if (snapshot === undefined) continue;
    database.run("UPDATE volumes SET sizeBytes = ? WHERE id = ?", snapshot.sizeBytes, volumeId);
  }
};

const isThere = (database: Database, groupId: GroupId): boolean =>
  database.one("SELECT 1 FROM snapshotGroups WHERE id = ?", groupId) !== undefined;

const safetyGone = (key: GroupId): VisibleError =>
  new VisibleError("SNAPSHOT_UNKNOWN", `The safety group ${key} is gone, by which the rollback would be undone.`, {
    hint: "Roll back to another group. List them with: smtx-backup group list",
  });
