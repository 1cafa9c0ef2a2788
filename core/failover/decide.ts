import type { Failover, FailoverCommand, FailoverState } from "../api/failover/failover.ts";
import type { Instant } from "../api/ids.ts";
import type { Reason } from "../api/reason.ts";
import { enter, halted, left, tried } from "./enter.ts";
import type { FailoverEvent, StepResult } from "./events.ts";
import { faultOf, noted } from "./noted.ts";
import { commandRefusal } from "./refusal.ts";
import { failoverTable, isUnderWay } from "./table.ts";

/**
 * The failover after an event. Pure; the same object comes back when nothing changed: what happened
 * was late or double, or is refused (see `commandRefusal`).
 */
export const decideFailover = (before: Failover, event: FailoverEvent, now: Instant): Failover => {
  switch (event.type) {
    case "begins":
      return isUnderWay(before) && before.runId === undefined ? tried(before, event.runId) : before;
    case "done":
      return isUnderWay(before) ? done(before, event.result, now) : before;
    case "failed":
      return isUnderWay(before) ? failed(before, event.reason, now) : before;
    case "due":
      return due(before, now);
    default:
      return commanded(before, event, now);
  }
};

const done = (before: Failover, result: StepResult, now: Instant): Failover => {
  const after = noted(before, result);
  const fault = faultOf(after, result);
  if (fault !== undefined) return failed(after, fault, now);
  if (after.turning !== undefined) return turned(after, after.turning, now);
  const { done: next } = failoverTable[before.state];
  if (next === undefined) return before;
  const { isStage = false, message } = result;
  const entered = enter(after, next(after, { discardChanges: false, isStage }), now);
  if (!isStage || entered.state !== before.state) return entered;
  const staged = { ...entered, stage: before.stage + 1 };
  return message === undefined ? staged : halted(staged, { code: "STAGE_WAITS", message }, now);
};

/** A person wanted something else meanwhile. */
const turned = ({ turning: _, ...failover }: Failover, command: FailoverCommand, now: Instant): Failover => {
  const next = failoverTable[failover.state][command];
  const said = { discardChanges: failover.discardChanges ?? false };
  return next === undefined ? failover : enter(failover, next(failover, said), now);
};

const failed = (before: Failover, reason: Reason, now: Instant): Failover => {
  if (before.turning !== undefined) return turned(halted(before, reason, now), before.turning, now);
  return left(before, reason, now) ?? halted(before, reason, now);
};

const due = (before: Failover, now: Instant): Failover => {
  const isOver = before.until !== undefined && before.until <= now;
  if (before.kind === "test" && before.halted !== undefined && before.state !== "removing") {
    return isOver ? enterBy(before, "undo", now) : before;
  }
  const isTime = before.state === "testing" ? isOver : before.retryAt !== undefined && before.retryAt <= now;
  const next = failoverTable[before.state].due;
  return isTime && next !== undefined ? enter(before, next(before, { discardChanges: false }), now) : before;
};

type Commanded = Extract<FailoverEvent, { readonly discardChanges: boolean }>;

const commanded = (before: Failover, { type, discardChanges }: Commanded, now: Instant): Failover => {
  if (commandRefusal(before, type) !== undefined) return before;
  const isMeant = failoverTable[before.state].means.includes(type) || leadsTo(before, type) === before.state;
  const allowed = discardChanges || (isMeant && before.discardChanges === true);
  if (!isUnderWay(before)) return enterBy(withDiscard(before, allowed), type, now, discardChanges);
  if (isMeant) return unturned(before, allowed && before.state !== givesUpNothing);
  return before.turning === type ? before : { ...withDiscard(before, discardChanges), turning: type };
};

/** What a person lets it give up on the way there is not meant of what he wants next. */
const givesUpNothing: FailoverState = "resuming";

const enterBy = (before: Failover, command: FailoverCommand, now: Instant, discardChanges = false): Failover => {
  const next = failoverTable[before.state][command];
  if (next === undefined) return before;
  const entered = enter(before, next(before, { discardChanges }), now);
  // Who says that it goes on has seen that what it waited for is there, or does without.
  const isReady = before.halted?.code === notReady && entered.state === before.state;
  return isReady ? { ...entered, stage: before.stage + 1 } : entered;
};

/** What a stage's objects were waited for did not come in time. */
const notReady = "NOT_READY";

/** What a person wants now is what it does: what was to follow instead is forgotten. */
const unturned = (before: Failover, allowed: boolean): Failover => {
  if (before.turning === undefined && allowed === (before.discardChanges === true)) return before;
  const { turning: _, ...rest } = before;
  return withDiscard(rest, allowed);
};

const withDiscard = ({ discardChanges: _, ...failover }: Failover, allowed: boolean): Failover =>
  allowed ? { ...failover, discardChanges: true } : failover;

/** Where a command leads from a state, for people; undefined: it is refused. */
export const leadsTo = (failover: Failover, command: FailoverCommand): FailoverState | undefined =>
  failoverTable[failover.state][command]?.(failover, { discardChanges: false });
