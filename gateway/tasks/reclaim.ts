import type { GroupId } from "../../core/api/ids.ts";
import type { ReclaimTask, TaskResultOf } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { deleteRestored } from "./delete-restored.ts";
import { boundedWarnings } from "./warnings.ts";

/**
 * Deletes the groups it is told to, only ones that carry the plan's tag (I5). A group that isn't
 * there counts as deleted. Where one is missing that is to be kept, nothing is deleted: the store
 * was put back since, or its disk is not mounted. Releases the plan's mirrors, where that is asked
 * for as well and nothing was kept from going. Also tells which groups of the plan there are
 * afterwards; told to delete nothing, it does only that.
 * @throws NOT_OURS, and what else the storage throws; groups before the one that failed are gone
 *   then
 */
export const reclaim = async (task: ReclaimTask, context: TaskContext): Promise<TaskResultOf<"reclaim">> => {
  const { storage, signal } = context;
  const owner = ownerOf(task);
  const deleted: GroupId[] = [];
  for (const groupId of (await isAsChosen(task, context)) ? task.groupIds : []) {
    signal.throwIfAborted();
    await storage.deleteGroup({ groupId, owner });
    deleted.push(groupId);
  }
  if (task.mirrors && deleted.length === task.groupIds.length) {
    signal.throwIfAborted();
    await storage.releaseMirrors({ owner, sequence: task.sequence });
  }
  const stays = task.restored === undefined ? [] : await deleteRestored(task, task.restored, context);
  const warnings = stays.length > 0 && { warnings: [...boundedWarnings(stays)] };
  const groups = await storage.listGroups(owner);
  return { kind: "reclaim", deleted, present: [], groups: [...groups], ...warnings };
};

/** Whether all is there that the choice of what is deleted counts on. */
const isAsChosen = async (task: ReclaimTask, { storage, log }: TaskContext): Promise<boolean> => {
  const { groupIds, keeps = [] } = task;
  if (groupIds.length === 0 || keeps.length === 0) return true;
  const there = new Set((await storage.listGroups(ownerOf(task))).map(({ groupId }) => groupId));
  const missing = keeps.filter((groupId) => !there.has(groupId));
  if (missing.length > 0)
    log.warn({ missing, groupIds }, "nothing is deleted: groups are missing that were to be kept");
  return missing.length === 0;
};
