import type { AbortTask, TaskResultOf } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Fences off whoever writes to the group's mirrors; the group is never published.
 * @throws what the storage throws
 */
export const abort = async (task: AbortTask, { storage }: TaskContext): Promise<TaskResultOf<"abort">> => {
  await storage.abortGroup({ groupId: task.groupId, owner: ownerOf(task) });
  return { kind: "abort" };
};
