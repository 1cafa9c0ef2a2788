import type { PrepareTask, TaskResultOf } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Makes the mirror of one object, or brings it up to date (W6, W10). @throws GROUP_EXISTS,
 * GROUP_STALE, and what else the storage throws
 */
export const prepare = async (task: PrepareTask, { storage }: TaskContext): Promise<TaskResultOf<"prepare">> => {
  const volumes = await storage.prepareMirror({
    owner: ownerOf(task),
    object: task.object,
    run: { groupId: task.groupId, sequence: task.sequence, index: task.index },
  });
  return { kind: "prepare", volumes: [...volumes], keepsConfig: true };
};
