import assert from "node:assert/strict";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import type { RunKind, Shard, Step } from "../api/run.ts";
import { addSeconds } from "../ports/clock.ts";
import { decidePart, decideTask } from "./decide.ts";
import type { PartEvent, TaskAnswer, TaskEvent } from "./events.ts";
import { newRun } from "./new-run.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";
import { closed, firstShard, isFinished, shardCount, shardOf } from "./shards.ts";
import { hasEnded, isRestore, stepsOf, taskCount } from "./steps.ts";

export const begin = "2026-11-24T01:00:00.000Z" as Instant;
export const target = "b" as SiteId;

export const superseded = { type: "supersede", reason: { code: "SUPERSEDED", message: "A newer slot came." } } as const;

/** More than the steps of a run of a hundred objects take. */
const answersMax = 500;

/** A run to one target. */
export const runOf = (kind: RunKind, objectCount: number, sender?: SiteId) =>
  newRun({
    planId: "plan_01JD0000000000000000000000" as PlanId,
    kind,
    trigger: "schedule",
    slot: begin,
    sequence: 1,
    source: "a" as SiteId,
    sender,
    targets: [target],
    objectCount,
    now: begin,
  });

export interface Sent {
  readonly step: Step;
  readonly index: number;
  readonly attempt: number;
  readonly delaySeconds: number;
}

/** Something that happens to the part, or to the task `index` of a step. */
export type Happened = PartEvent | { readonly step: Step; readonly index: number; readonly task: TaskEvent };

type Try = { readonly attempt?: number };
type Failure = Partial<Omit<Extract<TaskEvent, { type: "failed" }>, "type" | "index" | "reason">> & {
  readonly code?: string;
};

/**
 * A run's part at its one target and the shards of its steps, played by the two tables as the
 * engine plays them, but without a store. What must always be true of them is looked at after every
 * event. What is said is said of the newest try unless another is named.
 */
export const playPart = ({
  kind = "backup",
  objectCount = 1,
  at: beginning = begin,
  isSent = false,
}: {
  readonly kind?: RunKind;
  readonly objectCount?: number;
  readonly at?: Instant;
  /** Of a restore: its group is brought to its target. */
  readonly isSent?: boolean;
} = {}) => {
  const run = runOf(kind, objectCount, isSent && isRestore(kind) ? ("c" as SiteId) : undefined);
  const told = { source: run.source, sequence: run.sequence };
  let part = run.targets[target] ?? assert.fail("it has a part");
  let now = beginning;
  let isLaneHeld = false;
  const shards = new Map<string, Shard>();
  const sent: Sent[] = [];

  const shardsOf = (step: Step) => [...shards.values()].filter((shard) => shard.step === step);
  const shardAt = (step: Step, index = 0) => shards.get(`${step}/${shardOf(index)}`);
  const put = (shard: Shard) => shards.set(`${shard.step}/${shard.shard}`, shard);
  const send = ({ step, index, attempt }: Shard, delaySeconds: number) =>
    sent.push({ step, index, attempt, delaySeconds });

  const dealOut = (step: Step) => {
    const count = taskCount(run, step);
    for (let shard = 0; shard < shardCount(count); shard += 1) {
      const first = firstShard({ step, shard, count, told }, now, defaultRetryPolicy);
      put(first);
      send(first, 0);
    }
  };

  /** What was given up gives out nothing any more. */
  const closeAll = () => {
    for (const shard of shards.values()) if (shard.deadline !== null) put(closed(shard));
  };

  const happenToPart = (event: PartEvent): void => {
    if (event.type === "start") isLaneHeld = true;
    const before = part;
    part = decidePart(run, before, event, { now });
    if (part === before) return;
    if (part.unsettled || part.step === "undoing") closeAll();
    if (part.step !== null && part.step !== before.step) dealOut(part.step);
    if (!part.unsettled) return;
    isLaneHeld = false;
    happenToPart({ type: "settled" });
  };

  const happenToTask = ({ step, index, task }: Exclude<Happened, PartEvent>): void => {
    const before = shardAt(step, index);
    if (before === undefined) return;
    const { shard, send: again, gaveUp } = decideTask(before, task, { now, fraction: 0.5 });
    put(shard);
    if (again !== undefined) send(shard, again.delaySeconds);
    if (gaveUp !== undefined) happenToPart({ type: "gave-up", step, reason: gaveUp });
    if (shardsOf(step).every(isFinished)) happenToPart({ type: "done", step });
  };

  const happen = (happened: Happened): void => {
    if ("task" in happened) happenToTask(happened);
    else happenToPart(happened);
    check();
  };

  /** I7: what is worked on has a step and a deadline, and nothing else has. */
  const check = () => {
    assert.equal(part.step !== null, part.state === part.step);
    assert.equal(part.step === null, part.state === "queued" || hasEnded(part));
    assert.equal(part.endedAt !== null, hasEnded(part));
    assert(!part.unsettled);
    for (const shard of shards.values()) {
      assert.equal(shard.deadline === null, isFinished(shard) || shard.closed === true);
      assert(isFinished(shard) || shard.step === part.step || shard.closed);
    }
    if (part.step !== null) assert(!shardsOf(part.step).every(isFinished), "a step whose tasks are done goes on");
  };

  const newest = (step: Step, index: number) => shardAt(step, index)?.attempt ?? 1;
  const about = (step: Step, index: number, { attempt = newest(step, index) }: Try) => ({ index, attempt });

  return {
    happen,
    start: () => happen({ type: "start" }),
    answer: (step: Step, index = 0, { attempt, ...answer }: TaskAnswer & Try = {}) =>
      happen({
        step,
        index,
        task: { type: "completed", ...about(step, index, { ...(attempt && { attempt }) }), answer },
      }),
    speak: (
      step: Step,
      index = 0,
      more: Omit<Extract<TaskEvent, { type: "working" }>, "type" | "index" | "attempt"> & Try = {},
    ) => happen({ step, index, task: { type: "working", ...more, ...about(step, index, more) } }),
    fail: (step: Step, index = 0, { code = "LINK_BROKEN", ...more }: Failure = {}) => {
      const reason = { code, message: "It went wrong." };
      const failed = { type: "failed", reason, retryable: true, progressed: false, ...more } as const;
      happen({ step, index, task: { ...failed, ...about(step, index, more) } });
    },
    /** Nobody answers until the deadline. */
    wait: (step: Step, index = 0, { isStaffed = false } = {}) => {
      now = shardAt(step, index)?.deadline ?? assert.fail(`nobody waits for ${step} ${index}`);
      happen({ step, index, task: { type: "overdue", isStaffed } });
    },
    overdue: (step: Step, index = 0) => happen({ step, index, task: { type: "overdue", isStaffed: true } }),
    pass: (seconds: number) => {
      now = addSeconds(now, seconds);
    },
    /** Answers all that is given out, in turn, until the part has come to a step or to its end. */
    workUntil(until?: Step) {
      for (let count = 0; part.step !== null && part.step !== until; count += 1) {
        assert(count < answersMax, "it never comes to an end");
        const { step } = part;
        const open = shardsOf(step).find(({ deadline }) => deadline !== null) ?? assert.fail(`${step} is stuck`);
        this.answer(step, open.index);
        assert.notEqual(shardAt(step, open.index), open, `nothing comes of an answer to ${step} ${open.index}`);
      }
    },
    setClock: (instant: Instant) => {
      now = instant;
    },
    part: () => part,
    now: () => now,
    shardAt,
    shardsOf,
    sent: () => sent,
    /** What it came to, and what was sent for it. */
    end: () => ({
      state: part.state,
      reason: part.reason?.code,
      warning: part.warning?.code,
      isLaneHeld,
      sent: sent.map(({ step, index, attempt }) => `${step}/${index}/${attempt}`),
    }),
  };
};
export type Play = ReturnType<typeof playPart>;

/** The first steps of a backup, unless told otherwise, as far as the one before `step`. */
export const startedUntil = (step: Step, options: Parameters<typeof playPart>[0] = {}): Play => {
  const play = playPart(options);
  const inTurn = step === "undoing" ? "rolling-back" : step;
  assert(stepsOf[options?.kind ?? "backup"].includes(inTurn));
  play.start();
  play.workUntil(inTurn);
  if (step === "undoing") play.happen({ type: "cancel" });
  return play;
};
