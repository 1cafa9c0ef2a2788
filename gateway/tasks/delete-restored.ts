import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { ReclaimTask } from "../../core/api/task.ts";
import type { ObjectId, Owner } from "../storage/control.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { objectKey } from "./entries.ts";

/**
 * Deletes what a restore has made here. The task says which, and the storage knows what it has made
 * and what not. VMs go first, and their disks with them: a volume by itself may be one of those.
 * Where the rest is meant, too, the storage says what that is, once it makes nothing more.
 * @returns of what has changed since it was to be unchanged, that it stays
 * @throws OBJECT_LOCKED, NOT_OURS, OBJECT_BUSY, and what else the storage throws; objects before
 *   the one that failed are gone then
 */
export const deleteRestored = async (
  task: ReclaimTask,
  { groupId: key, objects, rest, lockedBy, unchangedSince }: NonNullable<ReclaimTask["restored"]>,
  { storage, signal }: TaskContext,
): Promise<readonly Reason[]> => {
  if (lockedBy !== undefined) {
    throw new VisibleError("OBJECT_LOCKED", `${lockedBy} has what is to be deleted: it waits.`, {
      hint: `See it with: smtx-backup run show ${lockedBy}`,
    });
  }
  const owner = ownerOf(task);
  const all = rest ? [...objects, ...(await restOf(storage, { key, owner }))] : objects;
  const each = new Map(all.map((object) => [objectKey(object), object])).values();
  const vmsFirst = [...each].sort((one, other) => Number(other.kind === "vm") - Number(one.kind === "vm"));
  const stays: Reason[] = [];
  for (const object of vmsFirst) {
    signal.throwIfAborted();
    try {
      await storage.deleteRebuilt({ key, owner, object, ...(unchangedSince && { unchangedSince }) });
    } catch (error) {
      if (!VisibleError.is(error, "CHANGED_SINCE")) throw error;
      stays.push({ code: error.code, message: error.message });
    }
  }
  return stays;
};

/** A late copy of a task that made something finds from now on that the restore is over. */
const restOf = async (
  storage: TaskContext["storage"],
  { key, owner }: { readonly key: GroupId; readonly owner: Owner },
): Promise<readonly ObjectId[]> => {
  await storage.abortGroup({ groupId: key, owner });
  const made = await storage.standIns({ owner, keys: [key] });
  return made.flatMap(({ object }) => (object === undefined ? [] : [{ kind: object.kind, id: object.id }]));
};
