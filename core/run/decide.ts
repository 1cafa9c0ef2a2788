import type { RunHead, Shard, Step, TargetRun, TargetState } from "../api/run.ts";
import type { PartEvent, RunContext, TaskEvent } from "./events.ts";
import * as part from "./part-transitions.ts";
import { defaultRetryPolicy, type RetryPolicy } from "./retry-policy.ts";
import type { TaskDecision } from "./task-decision.ts";
import * as task from "./task-transitions.ts";

/*
 * A run is two machines. A part, one a target, goes from step to step; while it is in a step, the
 * step's tasks are given out by its shards. These two tables are all of it: rows are states,
 * columns are events. An event that has no entry changes nothing: it is a duplicate, or too late.
 */

type PartHandler<E extends PartEvent["type"]> = (
  situation: part.PartSituation,
  event: Extract<PartEvent, { type: E }>,
) => TargetRun | undefined;
type PartRow = { readonly [E in PartEvent["type"]]?: PartHandler<E> };

/** While somebody works on the restore point. */
const working: PartRow = { done: part.goOn, "gave-up": part.fail, cancel: part.cancel };
/** It lasts until somebody has enough of it. */
const lasting: PartRow = { ...working, detach: part.detach };
/** The restore point is there: nothing that goes wrong now can take it back. */
const tidying: PartRow = { done: part.goOn, "gave-up": part.finish, cancel: part.leaveUntidied };
/** What it has done so far is put back before it ends otherwise than well. */
const undoable: PartRow = { done: part.goOn, "gave-up": part.undo, cancel: part.undoForPerson };
/** Nothing changes any more, but that a lane which comes round to it is let go again. */
const over: PartRow = { start: part.unsettle, settled: part.settle };

export const partTable: Record<Exclude<TargetState, "waiting">, PartRow> = {
  queued: { start: part.start, supersede: part.skip, cancel: part.cancel, detach: part.detach },
  snapshotting: working,
  preparing: working,
  transferring: working,
  publishing: working,
  rebuilding: working,
  checking: working,
  "rolling-back": undoable,
  undoing: { done: part.endUndone, "gave-up": part.endHalf },
  deleting: working,
  attaching: lasting,
  looking: working,
  stopping: working,
  comparing: working,
  starting: working,
  readying: working,
  reclaiming: tidying,
  succeeded: over,
  failed: over,
  cancelled: over,
  skipped: over,
};

type TaskHandler<E extends TaskEvent["type"]> = (
  situation: task.TaskSituation,
  event: Extract<TaskEvent, { type: E }>,
) => TaskDecision | undefined;
type TaskRow = { readonly [E in TaskEvent["type"]]?: TaskHandler<E> };

const once: TaskRow = { working: task.touch, completed: task.complete, failed: task.retry, overdue: task.sendAgain };
/** A site is first asked what it has, and then told what to delete. */
const twice: TaskRow = { ...once, completed: task.listOrComplete };

export const taskTable: Record<Step, TaskRow> = {
  snapshotting: once,
  preparing: once,
  transferring: once,
  publishing: once,
  rebuilding: once,
  checking: once,
  "rolling-back": once,
  undoing: once,
  attaching: once,
  looking: once,
  stopping: once,
  comparing: once,
  starting: once,
  readying: once,
  reclaiming: twice,
  deleting: twice,
};

/** The part after an event. Pure; the same object comes back when nothing changed. */
export const decidePart = (
  run: Pick<RunHead, "kind" | "sender" | "order">,
  before: TargetRun,
  event: PartEvent,
  { now }: Pick<RunContext, "now">,
): TargetRun => {
  const row = before.state === "waiting" ? {} : partTable[before.state];
  const handler = row[event.type] as PartHandler<typeof event.type> | undefined;
  return handler?.({ run, part: before, now }, event as never) ?? before;
};

/** The shard after an event. Pure; the same object comes back when nothing changed. */
export const decideTask = (
  before: Shard,
  event: TaskEvent,
  context: RunContext,
  policy: RetryPolicy = defaultRetryPolicy,
): TaskDecision => {
  if (before.deadline === null) return { shard: before };
  const handler = taskTable[before.step][event.type] as TaskHandler<typeof event.type> | undefined;
  return handler?.({ ...context, shard: before, policy }, event as never) ?? { shard: before };
};
