import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { SnapshotTask, TaskResultOf } from "../../core/api/task.ts";
import { isUnusable, judgeObject, objectUnusable } from "../../core/object/judge.ts";
import { ownerOf, type TaskContext } from "./context.ts";

const nameOf = ({ kind, id, name }: PlanObject) => `${kind} “${name}” (${id})`;

type Refusal = (missing: readonly PlanObject[]) => VisibleError;

const gone: Refusal = (missing) =>
  new VisibleError("OBJECT_UNKNOWN", `The source has no ${missing.map(nameOf).join(", no ")} any more.`, {
    hint: "Take what is gone out of the plan, or bring it back.",
  });

const notInGroup: Refusal = (missing) =>
  new VisibleError("GROUP_INCOMPLETE", `The snapshot group was taken without ${missing.map(nameOf).join(", ")}.`, {
    hint: "Start a new run.",
  });

/** The configurations of the task's objects, in their order. */
const configsOf = (
  objects: readonly PlanObject[],
  known: readonly ObjectConfig[],
  refusal: Refusal,
): readonly ObjectConfig[] => {
  const byId = new Map(known.map((config) => [`${config.kind}/${config.id}`, config]));
  const configs = objects.map((object) => byId.get(`${object.kind}/${object.id}`));
  const missing = objects.filter((_, index) => configs[index] === undefined);
  if (missing.length > 0) throw refusal(missing);
  const found = configs.filter((config) => config !== undefined);
  for (const object of found.map(judgeObject)) if (isUnusable(object)) throw objectUnusable(object);
  return found;
};

/** @param ids the snapshots' ids, by volume */
const snapshotIdsOf = (config: ObjectConfig, ids: ReadonlyMap<string, string>): string[] =>
  config.volumes.map(({ id }) => {
    const snapshotId = ids.get(id);
    if (snapshotId !== undefined) return snapshotId;
    const message = `The snapshot group was taken before ${config.kind} “${config.name}” got its volume ${id}.`;
    throw new VisibleError("GROUP_INCOMPLETE", message, { hint: "Start a new run." });
  });

/**
 * Takes the run's snapshot group: one snapshot of every volume of every object, at the same instant
 * (W5). Done again, it gives the group that is there, with its objects as they were then, whatever
 * has become of them.
 * @throws OBJECT_UNKNOWN naming all objects that the site doesn't have, OBJECT_UNUSABLE,
 *   GROUP_INCOMPLETE, GROUP_EXISTS, GROUP_STALE, and what else the storage throws
 */
export const snapshot = async (task: SnapshotTask, context: TaskContext): Promise<TaskResultOf<"snapshot">> => {
  const { storage } = context;
  const known = await storage.findGroup(task.groupId);
  const objects = known?.objects ?? configsOf(task.objects, await storage.inventory(), gone);
  const group = await storage.snapshotGroup({
    groupId: task.groupId,
    owner: ownerOf(task),
    sequence: task.sequence,
    volumeIds: objects.flatMap((config) => config.volumes.map(({ id }) => id)),
    objects,
  });
  // Another gateway may have taken it in the meantime, of objects that looked otherwise.
  const configs = configsOf(task.objects, group.objects ?? objects, notInGroup);
  const ids = new Map(group.snapshots.map(({ volumeId, snapshotId }) => [volumeId, snapshotId]));
  return {
    kind: "snapshot",
    takenAt: group.takenAt,
    from: 0,
    objects: configs.map((config) => ({ config, snapshotIds: snapshotIdsOf(config, ids) })),
  };
};
