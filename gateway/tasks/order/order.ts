import type { OrderTask, TaskResultOf } from "../../../core/api/task.ts";
import type { TaskContext } from "../context.ts";

/** Does an order of a failover. */
export const order = (task: OrderTask, _: TaskContext): Promise<TaskResultOf<"order">> =>
  Promise.reject(new Error(`this gateway can't ${task.order.type} yet`));
