import type { OrderAnswer } from "../../../core/api/failover/order.ts";
import type { OrderTask, TaskResultOf } from "../../../core/api/task.ts";
import type { TaskContext } from "../context.ts";
import { compare } from "./compare.ts";
import { look } from "./look.ts";
import { ready, start } from "./start.ts";
import { stop } from "./stop.ts";

/** Does what a failover orders, of one object. @throws what the storage throws; NOT_READY */
export const order = async (task: OrderTask, context: TaskContext): Promise<TaskResultOf<"order">> => ({
  kind: "order",
  order: await answerTo(task, context),
});

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
