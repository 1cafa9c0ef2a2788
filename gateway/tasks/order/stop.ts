import type { OrderAnswer, OrderTaskOf } from "../../../core/api/failover/order.ts";
import type { OrderTask } from "../../../core/api/task.ts";
import type { TaskContext } from "../context.ts";
import { findMeant, powerOf } from "./meant.ts";

/** Switches a VM off. Of what can't be switched, it says so. @throws what the storage throws */
export const stop = async (
  task: OrderTask,
  { object: wanted }: Extract<OrderTaskOf, { type: "stop" }>,
  { storage }: TaskContext,
): Promise<OrderAnswer> => {
  const { object } = await findMeant(storage, task, wanted);
  const power = powerOf(object);
  if (object !== undefined && power === "on") await storage.powerOff({ kind: object.kind, id: object.id });
  return { type: "stop", power };
};
