import type { RebuildTask, TaskResultOf } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Makes an ordinary object from a group's snapshots (W12). The restore and the object name it, so a
 * second try makes no second object, and a volume by itself that is one of a VM's is that one (W6).
 * @throws SNAPSHOT_UNKNOWN, VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN, GROUP_DAMAGED, and what
 * else the storage throws
 */
export const rebuild = async (task: RebuildTask, { storage }: TaskContext): Promise<TaskResultOf<"rebuild">> => {
  const object = await storage.rebuildObject({
    key: task.groupId,
    owner: ownerOf(task),
    fromGroupId: task.fromGroupId,
    object: task.object,
    name: task.name,
    evenDamaged: task.evenDamaged ?? false,
  });
  return { kind: "rebuild", object };
};
