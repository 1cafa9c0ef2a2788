import { VisibleError } from "../../../core/api/errors.ts";
import type { OrderAnswer } from "../../../core/api/failover/order.ts";
import type { OrderTask, TaskResultOf } from "../../../core/api/task.ts";
import { ownerOf, type TaskContext } from "../context.ts";
import { compare } from "./compare.ts";
import { look } from "./look.ts";
import { ready, start } from "./start.ts";
import { stop } from "./stop.ts";

/**
 * Does what a failover orders, of one object.
 * @throws GROUP_ABORTED (the order is over: this is a late copy), NOT_READY, and what the storage
 *   throws
 */
export const order = async (task: OrderTask, context: TaskContext): Promise<TaskResultOf<"order">> => {
  await refuseLate(task, context);
  return { kind: "order", order: await answerTo(task, context) };
};

const refuseLate = async (task: OrderTask, { storage }: TaskContext): Promise<void> => {
  if (!(await storage.isAborted({ groupId: task.groupId, owner: ownerOf(task) }))) return;
  throw new VisibleError("GROUP_ABORTED", `The order ${task.runId} is over.`, {
    hint: `See what became of it with: smtx-backup run show ${task.runId}`,
  });
};

const answerTo = (task: OrderTask, context: TaskContext): Promise<OrderAnswer> => {
  const { order: wanted } = task;
  switch (wanted.type) {
    case "look":
      return look(task, wanted, context);
    case "stop":
      return stop(task, wanted, context);
    case "compare":
      return compare(task, wanted, context);
    case "start":
      return start(task, wanted, context);
    case "ready":
      return ready(task, wanted, context);
  }
};
