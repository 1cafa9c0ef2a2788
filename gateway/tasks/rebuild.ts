import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { RebuildTask, TaskResultOf } from "../../core/api/task.ts";
import { rebuiltName } from "../../core/object/rebuilt-name.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Makes an ordinary object from a group's snapshots (W12), as the manifest has it that was
 * published with the group: the task says which it is and what it is to be called, and is not
 * believed more. The restore and the object name it, so a second try makes no second object, and a
 * volume by itself that is one of a VM's is that one (W6).
 * @throws SNAPSHOT_UNKNOWN, OBJECT_UNKNOWN (the group has it under another name),
 *   VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN, GROUP_DAMAGED, and what else the storage throws
 */
export const rebuild = async (task: RebuildTask, { storage }: TaskContext): Promise<TaskResultOf<"rebuild">> => {
  const { fromGroupId, name, evenDamaged = false } = task;
  const object = await storage.publishedObject({ groupId: fromGroupId, object: task.object });
  if (object === undefined) throw notThere(task);
  if (!isNameOf(object, task)) throw otherName(task, object);
  const groupOwner = ownerOf({ ...task, planId: task.fromPlanId ?? task.planId });
  const of = { key: task.groupId, owner: ownerOf(task), groupOwner, fromGroupId, object, name, evenDamaged };
  return { kind: "rebuild", object: await storage.rebuildObject(of) };
};

/** A control plane of before does not say what it has put before the name. */
const isNameOf = (object: ObjectConfig, { name, namePrefix }: RebuildTask): boolean =>
  namePrefix === undefined || name === rebuiltName(object, namePrefix);

const notThere = ({ fromGroupId, object: { kind, id } }: RebuildTask) =>
  new VisibleError("SNAPSHOT_UNKNOWN", `Group ${fromGroupId} has no ${kind} ${id} here.`, {
    hint: "The group may have been reclaimed; choose another one.",
  });

const otherName = ({ fromGroupId, name }: RebuildTask, { kind, id, name: own }: ObjectConfig) =>
  new VisibleError("OBJECT_UNKNOWN", `The ${kind} ${id} is “${own}” in the group ${fromGroupId}, and not “${name}”.`, {
    hint: `See what the group has with: smtx-backup group show ${fromGroupId}`,
  });
