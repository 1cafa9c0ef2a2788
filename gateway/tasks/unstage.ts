import type { TaskResultOf, UnstageTask } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Removes what was brought here for a restore. It can be done however often, and also when nothing
 * ever was.
 * @throws NOT_OURS, and what else the storage throws
 */
export const unstage = async (task: UnstageTask, { storage }: TaskContext): Promise<TaskResultOf<"unstage">> => {
  await storage.dropStaged({ groupId: task.groupId, owner: ownerOf(task) });
  return { kind: "unstage" };
};
