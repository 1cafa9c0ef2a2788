import type { OrderAnswer, OrderTaskOf } from "../../../core/api/failover/order.ts";
import type { OrderTask } from "../../../core/api/task.ts";
import type { TaskContext } from "../context.ts";
import { findMeant, powerOf } from "./meant.ts";

/** Switches a VM on, where it is there. @throws what the storage throws */
export const start = async (
  task: OrderTask,
  { object: wanted }: Extract<OrderTaskOf, { type: "start" }>,
  { storage }: TaskContext,
): Promise<OrderAnswer> => {
  const { object } = await findMeant(storage, task, wanted);
  const power = powerOf(object);
  if (object !== undefined && power === "off") await storage.powerOn({ kind: object.kind, id: object.id });
  return { type: "start", power };
};

/** Waits as the stage says. @throws as `AwaitReady` */
export const ready = async (
  task: OrderTask,
  { pause, objects = [] }: Extract<OrderTaskOf, { type: "ready" }>,
  context: TaskContext,
): Promise<OrderAnswer> => {
  if (pause.ready === undefined && !pause.delaySeconds) return { type: "ready" };
  const found = [];
  for (const wanted of objects) found.push((await findMeant(context.storage, task, wanted)).object);
  await context.awaitReady({ pause, objects: found.filter((object) => object !== undefined) }, context);
  return { type: "ready" };
};
