import type { SiteId } from "../api/ids.ts";
import type { Run, TargetRun, TargetState } from "../api/run.ts";
import type { RunContext, RunEffect, RunEvent } from "./events.ts";
import { defaultRunLimits, type RunLimits } from "./limits.ts";
import * as transitions from "./transitions.ts";

/** A part's new state and what is to be done about it; undefined when nothing changes. */
export type Transition = { readonly part: TargetRun; readonly effects: readonly RunEffect[] } | undefined;

/** What a transition may look at besides its event. */
export interface Situation extends RunContext {
  readonly run: Run;
  readonly target: SiteId;
  readonly part: TargetRun;
  readonly limits: RunLimits;
}

type Handler<E extends RunEvent["type"]> = (situation: Situation, event: Extract<RunEvent, { type: E }>) => Transition;
type Row = { readonly [E in RunEvent["type"]]?: Handler<E> };

const { start, skip, touch, complete, listOrComplete, retryOrFail, sendAgain, cancel, letGo, recordLate } = transitions;
const { retryOrFinish } = transitions;

/** While somebody works on the restore point. */
const working: Row = { working: touch, completed: complete, failed: retryOrFail, overdue: sendAgain, cancel };
/** The restore point is there: nothing that goes wrong now can take it back. */
const tidying: Row = { working: touch, completed: listOrComplete, failed: retryOrFinish, overdue: sendAgain };
/**
 * Nothing changes any more. A lane that comes round to a part that ended while it was queued is let
 * go again, and a group that came to be after all is written down, so that retention looks after
 * it.
 */
const over: Row = { start: letGo, completed: recordLate };

/**
 * The state machine of one target's part of a run: rows are states, columns are events. An event
 * that has no entry changes nothing: it is a duplicate, or it comes too late.
 */
export const table: Record<Exclude<TargetState, "waiting">, Row> = {
  queued: { start, supersede: skip, cancel },
  snapshotting: working,
  preparing: working,
  transferring: working,
  publishing: working,
  rebuilding: working,
  reclaiming: tidying,
  succeeded: over,
  failed: over,
  cancelled: over,
  skipped: over,
};

/** A waiting part is in its step: what may happen to it is what may happen in the step. */
const rowOf = (part: TargetRun): Row => {
  const state = part.state === "waiting" ? part.step : part.state;
  return state === null ? {} : table[state];
};

/**
 * The run after an event, and what is to be done about it. Pure: the same input gives the same
 * output. The same run object comes back when nothing changed. One target's event never changes
 * another target's part (I10).
 */
export const decide = (
  run: Run,
  event: RunEvent,
  context: RunContext,
  limits: RunLimits = defaultRunLimits,
): { readonly run: Run; readonly effects: readonly RunEffect[] } => {
  const part = run.targets[event.target];
  if (part === undefined) return { run, effects: [] };
  const handler = rowOf(part)[event.type] as Handler<typeof event.type> | undefined;
  const transition = handler?.({ ...context, run, target: event.target, part, limits }, event as never);
  if (transition === undefined) return { run, effects: [] };
  return { run: { ...run, targets: { ...run.targets, [event.target]: transition.part } }, effects: transition.effects };
};
