import type { Reason } from "../api/reason.ts";
import type { Shard, Taken } from "../api/run.ts";
import { addSeconds, secondsBetween } from "../ports/clock.ts";
import { boundedSum } from "./bounded-sum.ts";
import type { RunContext, TaskAnswer, TaskEvent } from "./events.ts";
import { isSameProgress, sumOf } from "./progress.ts";
import { hasPassed, patienceSeconds, type RetryPolicy, retryDelaySeconds } from "./retry-policy.ts";
import { shardsMax } from "./shards.ts";
import type { TaskDecision } from "./task-decision.ts";

type EventOf<E extends TaskEvent["type"]> = Extract<TaskEvent, { type: E }>;

/** What a transition may look at besides its event. */
export interface TaskSituation extends RunContext {
  readonly shard: Shard;
  readonly policy: RetryPolicy;
}

/** Whether an answer is to the newest try of the task that is given out. */
const isNewest = ({ index, attempt }: Shard, event: { index: number; attempt: number }): boolean =>
  index === event.index && attempt === event.attempt;

/** What was true of the try before, and is not of the task any more when somebody answers. */
const heard = ({ waiting: _, reason: __, ...shard }: Shard): Shard => ({ ...shard, silence: 0 });

/**
 * A worker was heard of: its deadline moves on. Where there is nothing new, a deadline that is
 * still far off stays, which saves a write.
 */
export const touch = ({ shard, now, policy }: TaskSituation, event: EventOf<"working">): TaskDecision | undefined => {
  if (!isNewest(shard, event)) return undefined;
  const { deadline: before, waiting, silence } = shard;
  const left = before === null || hasPassed(before, now, policy) ? 0 : secondsBetween(now, before);
  const { progress = shard.progress } = event;
  const isNews = waiting || silence > 0 || !isSameProgress(progress, shard.progress);
  if (!isNews && left > policy.workingSeconds / 2) return undefined;
  const deadline = addSeconds(now, Math.max(left, policy.workingSeconds));
  return { shard: { ...heard(shard), deadline, ...(progress && { progress }) } };
};

/** Any try's answer counts: the task is the same each time. */
export const complete = (situation: TaskSituation, event: EventOf<"completed">): TaskDecision | undefined => {
  const { shard, now, policy } = situation;
  if (shard.index !== event.index) return undefined;
  const answered = withAnswer(shard, event.answer);
  if (answered === undefined) return undefined;
  if (!isWhole(answered, event.answer))
    return { shard: { ...heard(answered), deadline: addSeconds(now, policy.workingSeconds) } };
  return next(situation, answered, event.answer);
};

/** What is kept of an answer, or of a part of one; undefined when that part came before. */
const withAnswer = (shard: Shard, { part, taken, published, warned }: TaskAnswer): Shard | undefined => {
  const { warned: before, ...rest } = shard;
  if (part === undefined) {
    return { ...rest, ...(taken && { taken }), ...(published && { published }), ...allWarned(before, warned) };
  }
  // An answer that is cut otherwise is another version's, and counts by itself.
  const heardOf = shard.answered?.of === part.of ? shard.answered.parts : [];
  if (heardOf.includes(part.number)) return undefined;
  const answered = { of: part.of, parts: [...heardOf, part.number] };
  const isFirst = heardOf.length === 0 || shard.taken === undefined;
  return {
    ...rest,
    answered,
    ...(taken && { taken: isFirst ? taken : added(shard.taken ?? taken, taken) }),
    ...allWarned(isFirst ? undefined : before, warned),
  };
};

const allWarned = (before = 0, now = 0) => (before + now === 0 ? {} : { warned: before + now });

const added = (one: Taken, other: Taken): Taken => ({
  at: one.at,
  sizeBytes: boundedSum([one.sizeBytes, other.sizeBytes]),
  extents: boundedSum([one.extents, other.extents]),
  ...counted("objects", one, other),
  ...counted("volumes", one, other),
  ...pagesOf(one.volumePages ?? other.volumePages),
});

/** The same for all parts of an answer; a plain one has none. */
const pagesOf = (volumePages: Taken["volumePages"]) => (volumePages === undefined ? {} : { volumePages });

/** A part that a version before took in is not counted, and nor is the whole then. */
const counted = (what: "objects" | "volumes", { [what]: one }: Taken, { [what]: other }: Taken) =>
  one === undefined || other === undefined ? {} : { [what]: one + other };

const isWhole = ({ answered }: Shard, { part }: TaskAnswer): boolean =>
  part === undefined || answered?.parts.length === part.of;

/** The task is done: the shard's next one is given out, if there is one. */
const next = (
  { now, policy }: TaskSituation,
  shard: Shard,
  { progress = shard.progress }: TaskAnswer,
): TaskDecision => {
  const { progress: _, noBase: __, listed: ___, answered: ____, done, ...rest } = heard(shard);
  const index = shard.index + shardsMax;
  const isLast = index >= shard.count;
  const after: Shard = {
    ...rest,
    index,
    attempt: 1,
    failures: 0,
    deadline: isLast ? null : addSeconds(now, patienceSeconds(policy, 0)),
    ...(progress === undefined && done === undefined ? {} : { done: sumOf([done ?? [], progress ?? []].flat()) }),
  };
  return isLast ? { shard: after } : { shard: after, send: { delaySeconds: 0 } };
};

/**
 * A site is first asked what it has, and then told what to delete: what is chosen for deleting is
 * chosen by a list that was asked for after the run's own group was made. Answers to earlier tries
 * are no such list, and end nothing.
 */
export const listOrComplete = (situation: TaskSituation, event: EventOf<"completed">): TaskDecision | undefined => {
  const { shard, now, policy } = situation;
  if (!isNewest(shard, event)) return undefined;
  if (shard.listed && !event.answer.more) return complete(situation, event);
  const deadline = addSeconds(now, policy.workingSeconds);
  const told: Shard = { ...heard(shard), attempt: shard.attempt + 1, failures: 0, listed: true, deadline };
  return { shard: told, send: { delaySeconds: 0 } };
};

/** A restore has an object that the task needs: it ends in its time. */
export const waitsForLock = ({ code }: Reason): boolean => code === "OBJECT_LOCKED" || code === "ROLLBACK_UNFINISHED";

const giveUp = (shard: Shard, reason: Reason): TaskDecision => ({ shard, gaveUp: reason });

export const retry = (situation: TaskSituation, event: EventOf<"failed">): TaskDecision | undefined => {
  const { shard, now, fraction, policy } = situation;
  if (!isNewest(shard, event)) return undefined;
  // Who waits for another run to let an object go does not fail by it.
  const isLocked = waitsForLock(event.reason);
  const failures = isLocked ? shard.failures : event.progressed ? 1 : shard.failures + 1;
  if (!event.retryable) return giveUp(shard, event.reason);
  if (failures >= policy.triesMax) {
    return giveUp(shard, { ...event.reason, message: `${event.reason.message} (${failures} tries)` });
  }
  const delaySeconds = isLocked ? policy.lockedSeconds : retryDelaySeconds(policy, failures, fraction);
  const again: Shard = {
    ...shard,
    attempt: shard.attempt + 1,
    failures,
    silence: 0,
    waiting: true,
    reason: event.reason,
    deadline: addSeconds(now, delaySeconds + patienceSeconds(policy, 0)),
    ...(event.noBase && { noBase: true as const }),
  };
  return { shard: again, send: { delaySeconds } };
};

/**
 * Nobody answered in time: the task is sent again, which does no harm where somebody has it after
 * all. Gateways that are there but busy get round to it (W22); only a site without any makes the
 * part fail.
 */
export const sendAgain = (situation: TaskSituation, event: EventOf<"overdue">): TaskDecision | undefined => {
  const { shard, now, policy } = situation;
  if (shard.deadline === null || !hasPassed(shard.deadline, now, policy)) return undefined;
  const silence = shard.silence + 1;
  if (silence > policy.silencesMax && !event.isStaffed) {
    return giveUp(shard, {
      code: "GATEWAY_ABSENT",
      message: `No gateway took up the work (${shard.step}), though it was sent ${silence} times.`,
    });
  }
  const deadline = addSeconds(now, patienceSeconds(policy, silence));
  return { shard: { ...shard, silence, deadline }, send: { delaySeconds: 0 } };
};
