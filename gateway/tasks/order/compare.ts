import type { OrderAnswer, OrderTaskOf } from "../../../core/api/failover/order.ts";
import { objectVolumesMax } from "../../../core/api/object/common.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { OrderTask } from "../../../core/api/task.ts";
import { ownerOf, type TaskContext } from "../context.ts";
import { findMeant, type Meant, powerOf } from "./meant.ts";

/**
 * What an object has that its group has not. Nothing is changed.
 * @throws what the storage throws
 */
export const compare = async (
  task: OrderTask,
  { object: wanted }: Extract<OrderTaskOf, { type: "compare" }>,
  { storage }: TaskContext,
): Promise<OrderAnswer> => {
  const { object, standIn } = await findMeant(storage, task, wanted);
  if (object === undefined) return { type: "compare", power: "gone", extents: null };
  const { fromGroupId: groupId } = task;
  const { kind, id } = object;
  const [changes] = await storage.changesSince({ owner: ownerOf(task), groupId, objects: [{ kind, id }] });
  const then = await storage.objectOfGroup({ groupId, object: wanted });
  const added = then === undefined ? [] : addedTo(object, standIn, then);
  return {
    type: "compare",
    power: powerOf(object),
    extents: changes?.extents ?? null,
    ...(changes?.since !== undefined && { since: changes.since }),
    ...(added.length > 0 && { added }),
    ...(changes?.usedBy !== undefined && { usedBy: changes.usedBy.why.slice(0, 1024) }),
  };
};

/** The volumes that it has and had not, by name. What stands for one that it had is that one. */
const addedTo = (object: ObjectConfig, standIn: Meant["standIn"], { volumes: then }: ObjectConfig): string[] => {
  const homes = new Map(standIn?.volumes.map(({ volumeId, homeId }) => [volumeId, homeId]));
  const had = new Set(then.map(({ id }) => id));
  const names = new Map(object.kind === "vm" ? object.vm.disks.map(({ volumeId, name }) => [volumeId, name]) : []);
  return object.volumes
    .filter(({ id }) => !had.has(homes.get(id) ?? id))
    .map(({ id }) => names.get(id) ?? id)
    .slice(0, objectVolumesMax);
};
