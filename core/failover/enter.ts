import {
  type Failover,
  type FailoverState,
  type FailoverStep,
  madeMax,
  stepsShownMax,
} from "../api/failover/failover.ts";
import type { Instant, RunId } from "../api/ids.ts";
import { type Reason, warningsMax } from "../api/reason.ts";
import { addSeconds } from "../ports/clock.ts";
import { backoff } from "../waiting/backoff.ts";
import { endStates } from "./table.ts";

/** They begin anew each time. */
const removals: ReadonlySet<FailoverState> = new Set(["removing", "undo-removing"]);

/** What only one try of one state has. */
const withoutTry = ({ runId: _, halted: __, retryAt: ___, turning: ____, ...failover }: Failover): Failover => failover;

/** The failover in a state that it has come to, or comes to once more. */
export const enter = (before: Failover, state: FailoverState, now: Instant): Failover => {
  const isAgain = state === before.state;
  const kept = onEntry[state]?.(before, now) ?? before;
  const over = endStates.has(state) ? { endedAt: now } : {};
  return {
    ...withoutTry(kept),
    ...over,
    state,
    since: isAgain ? before.since : now,
    attempt: isAgain ? before.attempt + 1 : 1,
    stage: isAgain && !removals.has(state) ? before.stage : 0,
    steps: stepped(before.steps, { state, at: now }),
    warnings: [...kept.warnings, ...passedOver(before, state)].slice(-warningsMax),
  };
};

const stepped = (steps: readonly FailoverStep[], next: FailoverStep): FailoverStep[] => {
  const last = steps.at(-1);
  const ended = last === undefined ? [] : [{ ...last, endedAt: last.endedAt ?? next.at }];
  return [...steps.slice(0, -1), ...ended, next].slice(-stepsShownMax);
};

/** What may be so from now on, whether the state comes to its end or not. */
const onEntry: Partial<Record<FailoverState, (before: Failover, now: Instant) => Failover>> = {
  stopping: (before) => ({ ...before, stopped: true }),
  placing: (before) => ({ ...before, placed: true }),
  starting: (before) => ({ ...before, started: true }),
  "placing-again": (before) => ({ ...before, placed: true, started: true }),
  "stopping-there": (before) =>
    without(before, ["backGroup", "diverged", "divergedCount", "asBeforeCount", "missingCount"]),
  "starting-here": (before) => ({ ...before, stopped: true }),
  "undo-starting": (before) => without(before, ["placed", "started"]),
  "undo-removing": (before) => without(before, ["placed", "started"]),
  // What was given up for the way that it was on says nothing of the next.
  resuming: (before) => without(before, ["discardChanges"]),
  "failed-over": (before) => without(before, ["discardChanges"]),
  testing: (before, now) => ({ ...before, until: addSeconds(now, before.forSeconds ?? 0) }),
};

const without = <Key extends keyof Failover>(failover: Failover, keys: readonly Key[]): Failover =>
  Object.fromEntries(Object.entries(failover).filter(([key]) => !keys.includes(key as Key))) as Failover;

/** What a person has had it go on without. */
const passedOver = ({ state, halted, home, to }: Failover, next: FailoverState): readonly Reason[] => {
  if (halted === undefined) return [];
  const isLeftOn = state === "undo-stopping" && next === "undo-placing";
  if (isLeftOn) return [mayRun(to, "undo", halted)];
  if (state === "stopping-here" && next === "placing-again") return [mayRun(home, "going there again", halted)];
  if (state === "removing" && next === "home") return [leftBehind(to, halted)];
  return state === "undo-starting" && next !== "stopping-here" && next !== state
    ? [{ code: "NOT_STARTED", message: `What was switched off at ${home} may be off still: ${halted.message}` }]
    : [];
};

const mayRun = (site: string, what: string, { message }: Reason): Reason => ({
  code: "MAY_RUN_TWICE",
  message: `The ${what} went on though ${site} did not say that its machines are off, and they may run: ${message}`,
});

const leftBehind = (site: string, { message }: Reason): Reason => ({
  code: "LEFT_BEHIND",
  message: `What the failover made at ${site} could not be removed, and is there still: ${message}`,
});

/** It waits here for a person, or for another try. */
export const halted = (before: Failover, reason: Reason, now: Instant): Failover => {
  const { runId: _, turning: __, ...rest } = before;
  const last = before.steps.at(-1);
  const steps = last === undefined ? [] : [...before.steps.slice(0, -1), { ...last, endedAt: now, reason }];
  return { ...rest, halted: reason, ...retry(before, now), steps };
};

/** Nobody waits for it; the last comes after a day or so. */
const removalBackoff = { first: 60, max: 3600, jitter: 0 };
const removalTriesMax = 30;

const retry = ({ state, attempt }: Failover, now: Instant): Pick<Failover, "retryAt"> =>
  removals.has(state) ? { retryAt: addSeconds(now, backoff(removalBackoff, attempt, 0)) } : {};

/**
 * Where what can't be removed stays, with a warning: at home while the plan is there and works, and
 * of a failover that has tried for long. A test's goes, however long that takes.
 */
export const left = (before: Failover, reason: Reason, now: Instant): Failover | undefined => {
  const { state, kind, attempt, home, to } = before;
  const next = state === "clearing" ? "failed-over" : state === "removing" ? "home" : "undone";
  const isGivenUp = state === "clearing" || (removals.has(state) && kind !== "test" && attempt >= removalTriesMax);
  if (!isGivenUp) return undefined;
  const warnings = [...before.warnings, leftBehind(state === "clearing" ? home : to, reason)].slice(-warningsMax);
  return enter({ ...before, warnings }, next, now);
};

/** A run is about to do what the state says. */
export const tried = (before: Failover, runId: RunId): Failover => {
  const last = before.steps.at(-1);
  const steps = last === undefined ? [] : [...before.steps.slice(0, -1), { ...last, runId }];
  const remembered = runsOf[before.state];
  if (remembered === undefined) return { ...before, runId, steps };
  return { ...before, runId, steps, [remembered]: [...before[remembered], runId].slice(-madeMax) };
};

/** Where the runs of a state are remembered, whatever becomes of them. */
const runsOf: Partial<Record<FailoverState, "made" | "madeBeside" | "stopsHere" | "stopsThere">> = {
  rebuilding: "made",
  "rebuilding-beside": "madeBeside",
  stopping: "stopsHere",
  "stopping-here": "stopsHere",
  "stopping-there": "stopsThere",
  "undo-stopping": "stopsThere",
};
