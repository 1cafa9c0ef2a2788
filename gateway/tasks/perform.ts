import type { RunTask, TaskResult, TaskResultOf } from "../../core/api/task.ts";
import { abort } from "./abort.ts";
import { attach } from "./attach.ts";
import type { TaskContext } from "./context.ts";
import { order } from "./order/order.ts";
import { prepare } from "./prepare.ts";
import { publish } from "./publish.ts";
import { rebuild } from "./rebuild.ts";
import { reclaim } from "./reclaim.ts";
import { check } from "./rollback/check.ts";
import { rollback, undoRollback } from "./rollback/rollback.ts";
import { snapshot } from "./snapshot.ts";
import { transfer } from "./transfer.ts";
import { unstage } from "./unstage.ts";

type Kind = RunTask["kind"];
type Handler<K extends Kind> = (task: Extract<RunTask, { kind: K }>, context: TaskContext) => Promise<TaskResultOf<K>>;

/**
 * What is done for each kind of task. Every handler is idempotent: done twice, or again
 * after it died half-way, the result is the same. The inventory is no run's task, and is
 * told by the agent itself.
 */
export const handlers: { readonly [K in Kind]: Handler<K> } = {
  snapshot,
  prepare,
  transfer,
  publish,
  reclaim,
  rebuild,
  check,
  rollback,
  "undo-rollback": undoRollback,
  attach,
  order,
  abort,
  unstage,
};

/** Does a task. @throws what its handler throws */
export type PerformTask = (task: RunTask, context: TaskContext) => Promise<TaskResult>;

export const performTask: PerformTask = (task, context) => {
  // The type of `handlers` says that the handler of a kind takes that kind; the compiler can't
  // follow it through a union.
  const handler = handlers[task.kind] as Handler<Kind>;
  return handler(task, context);
};
