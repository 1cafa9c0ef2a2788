import { VisibleError } from "../../core/api/errors.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { ReclaimTask } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Deletes what a restore has made here. The task says which, and the storage knows what it has made
 * and what not. VMs go first, and their disks with them: a volume by itself may be one of those.
 * @returns of what has changed since it was to be unchanged, that it stays
 * @throws OBJECT_LOCKED, NOT_OURS, OBJECT_BUSY, and what else the storage throws; objects before
 *   the one that failed are gone then
 */
export const deleteRestored = async (
  task: ReclaimTask,
  { groupId: key, objects, lockedBy, unchangedSince }: NonNullable<ReclaimTask["restored"]>,
  { storage, signal }: TaskContext,
): Promise<readonly Reason[]> => {
  if (lockedBy !== undefined) {
    throw new VisibleError("OBJECT_LOCKED", `${lockedBy} has what is to be deleted: it waits.`, {
      hint: `See it with: smtx-backup run show ${lockedBy}`,
    });
  }
  const owner = ownerOf(task);
  const vmsFirst = [...objects].sort((one, other) => Number(other.kind === "vm") - Number(one.kind === "vm"));
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
