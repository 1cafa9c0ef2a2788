import type { InFlight, Reason, Step, TargetRun } from "../api/run.ts";
import { addSeconds, secondsBetween } from "../ports/clock.ts";
import type { Situation, Transition } from "./decide.ts";
import type { RunEffect, RunEvent } from "./events.ts";
import { hasPassed, patienceSeconds, retryDelaySeconds } from "./limits.ts";
import { indicesOf, stepAfter, stepsOf } from "./steps.ts";

type EventOf<E extends RunEvent["type"]> = Extract<RunEvent, { type: E }>;

/**
 * `waiting` is what a part is called while none of its tasks is being worked on because all of them
 * failed last time.
 */
const named = (part: TargetRun, step: Step): TargetRun => ({
  ...part,
  step,
  state: part.inFlight.length > 0 && part.inFlight.every((task) => task.waiting) ? "waiting" : step,
});

const dispatch = (
  { target }: Situation,
  step: Step,
  tasks: readonly InFlight[],
  delaySeconds = 0,
): readonly RunEffect[] =>
  tasks.length === 0
    ? []
    : [
        {
          type: "dispatch",
          target,
          step,
          delaySeconds,
          tasks: tasks.map(({ index, attempt }) => ({ index, attempt })),
        },
      ];

/** Gives out as many of the pending tasks as there is room for. */
const fill = (situation: Situation, part: TargetRun, step: Step): NonNullable<Transition> => {
  const room = Math.max(0, situation.limits.inFlightMax - part.inFlight.length);
  const given = part.pending
    .slice(0, room)
    .map((index): InFlight => ({ index, attempt: 1, failures: 0, waiting: false }));
  const filled = { ...part, pending: part.pending.slice(room), inFlight: [...part.inFlight, ...given] };
  return { part: named(filled, step), effects: dispatch(situation, step, given) };
};

const enter = (situation: Situation, part: TargetRun, step: Step): NonNullable<Transition> =>
  fill(
    situation,
    {
      ...part,
      pending: [...indicesOf(situation.run, step)],
      inFlight: [],
      silence: 0,
      deadline: addSeconds(situation.now, patienceSeconds(situation.limits, 0)),
    },
    step,
  );

const end = (
  { now, target }: Situation,
  part: TargetRun,
  state: "succeeded" | "failed" | "cancelled" | "skipped",
  reason: Reason | null,
): NonNullable<Transition> => ({
  part: { ...part, state, step: null, pending: [], inFlight: [], deadline: null, reason, endedAt: now },
  effects: [{ type: "ended", target }],
});

/** What is written down when a step is done, before the next one begins. */
const records = ({ target }: Situation, step: Step): readonly RunEffect[] => {
  if (step === "snapshotting") return [{ type: "record-group", role: "source", target }];
  if (step === "publishing") return [{ type: "record-group", role: "mirror", target }];
  return [];
};

/** Once data may have been written to the target's mirrors, and before they are published. */
const mayBeWriting = (step: Step | null): boolean =>
  step === "preparing" || step === "transferring" || step === "publishing";

export const start = (situation: Situation): Transition => {
  const first = stepsOf[situation.run.kind][0];
  return first && enter(situation, { ...situation.part, startedAt: situation.now }, first);
};

export const skip = (situation: Situation, { reason }: EventOf<"supersede">): Transition => ({
  ...end(situation, situation.part, "skipped", reason),
  effects: [],
});

export const cancel = (situation: Situation): Transition => {
  const { part } = situation;
  const reason = { code: "CANCELLED", message: "A person cancelled the run." };
  return leaveOff(situation, end(situation, part, "cancelled", reason));
};

/**
 * Ends a part before its time: whoever still writes is fenced off, and what it made on the source
 * is given up.
 */
const leaveOff = (situation: Situation, ended: NonNullable<Transition>): NonNullable<Transition> => {
  const { part, target } = situation;
  const abort: readonly RunEffect[] = mayBeWriting(part.step) ? [{ type: "abort", target }] : [];
  return { part: ended.part, effects: [...abort, ...ended.effects, ...tidy(situation)] };
};

const tidy = ({ run, part, target }: Situation): readonly RunEffect[] =>
  run.kind === "backup" && part.step !== null ? [{ type: "tidy-source", target }] : [];

const isCurrent = (part: TargetRun, event: { step: Step; index: number }): boolean =>
  part.step === event.step && part.inFlight.some((task) => task.index === event.index);

/** The task that an answer is about, when it is the newest try of it. */
const taskOf = (part: TargetRun, event: { step: Step; index: number; attempt: number }): InFlight | undefined =>
  part.step === event.step
    ? part.inFlight.find(({ index, attempt }) => index === event.index && attempt === event.attempt)
    : undefined;

/**
 * A worker was heard of: its deadline moves on. A deadline that is still far off stays, which saves
 * a write.
 */
export const touch = (situation: Situation, event: EventOf<"working">): Transition => {
  const { part, now, limits } = situation;
  const task = taskOf(part, event);
  if (task === undefined) return undefined;
  const { deadline: before } = part;
  const left = before === null || hasPassed(before, now, limits) ? 0 : secondsBetween(now, before);
  if (!task.waiting && part.silence === 0 && left > limits.workingSeconds / 2) return undefined;
  const inFlight = part.inFlight.map((other) => (other === task ? { ...task, waiting: false } : other));
  const deadline = addSeconds(now, Math.max(left, limits.workingSeconds));
  return { part: named({ ...part, inFlight, silence: 0, deadline, reason: null }, event.step), effects: [] };
};

export const complete = (situation: Situation, event: EventOf<"completed">): Transition => {
  const { run, part, now, limits } = situation;
  if (!isCurrent(part, event)) return undefined;
  const rest = {
    ...part,
    inFlight: part.inFlight.filter((task) => task.index !== event.index),
    silence: 0,
    reason: null,
    deadline: addSeconds(now, limits.workingSeconds),
  };
  if (rest.inFlight.length + rest.pending.length > 0) return fill(situation, rest, event.step);
  const next = stepAfter(run.kind, event.step);
  const after = next === undefined ? end(situation, rest, "succeeded", null) : enter(situation, rest, next);
  return { part: after.part, effects: [...records(situation, event.step), ...after.effects] };
};

/**
 * A site is first asked what it has, and then told what to delete: what is chosen for deleting is
 * chosen by a list that was asked for after the run's own group was made. Answers to earlier tries
 * are no such list, and end nothing.
 */
export const listOrComplete = (situation: Situation, event: EventOf<"completed">): Transition => {
  const { part, now, limits } = situation;
  const task = taskOf(part, event);
  if (task === undefined) return undefined;
  if (task.listed) return complete(situation, event);
  const told: InFlight = { index: task.index, attempt: task.attempt + 1, failures: 0, waiting: false, listed: true };
  const inFlight = part.inFlight.map((other) => (other === task ? told : other));
  const deadline = addSeconds(now, limits.workingSeconds);
  return {
    part: named({ ...part, inFlight, silence: 0, reason: null, deadline }, event.step),
    effects: dispatch(situation, event.step, [told]),
  };
};

type GiveUp = (situation: Situation, reason: Reason) => NonNullable<Transition>;

const fail: GiveUp = (situation, reason) => {
  if (reason.code === "GROUP_EXISTS") return passOver(situation, reason);
  return leaveOff(situation, end(situation, situation.part, "failed", reason));
};

/**
 * The site has the slot's group already, from before the control plane's table was set back: it is
 * left as it is.
 */
const passOver: GiveUp = (situation, reason) => {
  const { part, effects } = end(situation, situation.part, "skipped", reason);
  return { part, effects: [...effects, ...tidy(situation)] };
};

/** The restore point is there; what could not be tidied up now is tidied up by the next run. */
const finish: GiveUp = (situation, reason) => end(situation, { ...situation.part, warning: reason }, "succeeded", null);

const retry =
  (giveUp: GiveUp) =>
  (situation: Situation, event: EventOf<"failed">): Transition => {
    const { part, now, fraction, limits } = situation;
    const task = taskOf(part, event);
    if (task === undefined) return undefined;
    const failures = event.progressed ? 1 : task.failures + 1;
    if (!event.retryable) return giveUp(situation, event.reason);
    if (failures >= limits.triesMax) {
      const message = `${event.reason.message} (${failures} tries)`;
      return giveUp(situation, { ...event.reason, message });
    }
    const again: InFlight = { ...task, attempt: task.attempt + 1, failures, waiting: true };
    const inFlight = part.inFlight.map((other) => (other === task ? again : other));
    const delaySeconds = retryDelaySeconds(limits, failures, fraction);
    const heardBy = addSeconds(now, delaySeconds + patienceSeconds(limits, 0));
    const before = part.deadline ?? now;
    const deadline = before > heardBy && !hasPassed(before, now, limits) ? before : heardBy;
    return {
      part: named({ ...part, inFlight, deadline, reason: event.reason }, event.step),
      effects: dispatch(situation, event.step, [again], delaySeconds),
    };
  };

export const retryOrFail = retry(fail);
export const retryOrFinish = retry(finish);

/**
 * Nobody answered in time: the tasks are sent again, which does no harm where somebody has them
 * after all. Gateways that are there but busy get round to it (W22); only a site without any makes
 * the part fail.
 */
export const sendAgain = (situation: Situation, event: EventOf<"overdue">): Transition => {
  const { part, now, limits } = situation;
  const { step } = part;
  if (step === null || part.deadline === null || !hasPassed(part.deadline, now, limits)) return undefined;
  const silence = part.silence + 1;
  if (silence > limits.silencesMax && !event.isStaffed) {
    const giveUp = step === "reclaiming" ? finish : fail;
    return giveUp(situation, {
      code: "GATEWAY_ABSENT",
      message: `No gateway took up the work (${step}), though it was sent ${silence} times.`,
    });
  }
  const deadline = addSeconds(now, patienceSeconds(limits, silence));
  return { part: { ...part, silence, deadline }, effects: dispatch(situation, step, part.inFlight) };
};

export const letGo = ({ part, target }: Situation): Transition => ({ part, effects: [{ type: "ended", target }] });

/** A group that came to be after the part had ended: once it is written down, retention looks after it. */
export const recordLate = (situation: Situation, event: EventOf<"completed">): Transition => {
  const { run, part, target } = situation;
  const recorded = records(situation, event.step);
  const isUseless = run.kind === "backup" && event.step === "snapshotting" && part.state !== "succeeded";
  const effects: readonly RunEffect[] = isUseless ? [...recorded, { type: "tidy-source", target }] : recorded;
  return effects.length === 0 ? undefined : { part, effects };
};
