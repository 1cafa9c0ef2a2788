import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { RebuildTask, TaskResultOf } from "../../core/api/task.ts";
import type { RebuildObjectOptions } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Makes an ordinary object from a group's snapshots (W12), as this site's store has it: in the
 * manifest that was published with the group, or as the group that was taken here has kept it. The
 * task says which it is and what is wished for, and is not believed more. The restore and the
 * object name it, so a second try makes no second object, and a volume by itself that is one of a
 * VM's is that one (W6).
 * @throws SNAPSHOT_UNKNOWN, OBJECT_UNKNOWN (the group has it under another name),
 *   VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN, GROUP_DAMAGED, and what else the storage throws
 */
export const rebuild = async (task: RebuildTask, { storage }: TaskContext): Promise<TaskResultOf<"rebuild">> => ({
  kind: "rebuild",
  object: await storage.rebuildObject(await rebuildOptionsOf(task, storage)),
});

type Told = Pick<RebuildTask, "planId" | "source" | "groupId" | "fromGroupId" | "object" | "name"> &
  Partial<Pick<RebuildTask, "fromPlanId" | "wishes" | "evenDamaged">>;

/** What the storage is told. @throws SNAPSHOT_UNKNOWN, OBJECT_UNKNOWN, and what it throws */
export const rebuildOptionsOf = async (
  task: Told,
  storage: Pick<StorageDriver, "objectOfGroup">,
): Promise<RebuildObjectOptions> => {
  const { fromGroupId, name, wishes, evenDamaged = false } = task;
  const object = await storage.objectOfGroup({ groupId: fromGroupId, object: task.object });
  if (object === undefined) throw notThere(task);
  if (task.object.name !== undefined && task.object.name !== object.name) throw otherName(task, object);
  const groupOwner = ownerOf({ ...task, planId: task.fromPlanId ?? task.planId });
  return { key: task.groupId, owner: ownerOf(task), groupOwner, fromGroupId, object, name, wishes, evenDamaged };
};

const notThere = ({ fromGroupId, object: { kind, id } }: Told) =>
  new VisibleError("SNAPSHOT_UNKNOWN", `Group ${fromGroupId} has no ${kind} ${id} here.`, {
    hint: "The group may have been reclaimed, or a version before has not kept what it is of; choose another one.",
  });

const otherName = ({ fromGroupId, object }: Told, { kind, id, name }: ObjectConfig) =>
  new VisibleError(
    "OBJECT_UNKNOWN",
    `The ${kind} ${id} is “${name}” in the group ${fromGroupId}, and not “${object.name}”.`,
    { hint: `See what the group has with: smtx-backup group show ${fromGroupId}` },
  );
