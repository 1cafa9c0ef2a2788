import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import type { Run, TargetRun } from "../api/run.ts";
import { addSeconds } from "../ports/clock.ts";
import { decide } from "./decide.ts";
import type { RunEffect, RunEvent } from "./events.ts";
import { defaultRunLimits, retryDelaySeconds } from "./limits.ts";
import { newRun } from "./new-run.ts";
import { hasEnded, partsOf, statusOf, stepsOf } from "./steps.ts";

const planId = "plan_01JD0000000000000000000000" as PlanId;
const begin = "2026-11-24T01:00:00.000Z" as Instant;
const [b, c] = ["b", "c"] as SiteId[] as [SiteId, SiteId];

const backup = (objectCount = 2, targets = [b, c]): Run =>
  newRun({
    planId,
    kind: "backup",
    trigger: "schedule",
    slot: begin,
    sequence: 1,
    source: "a" as SiteId,
    targets,
    objectCount,
    now: begin,
  });

/** Plays events one after the other, a second apart. */
const play = (run: Run, events: readonly RunEvent[], now = begin) => {
  const effects: RunEffect[] = [];
  let state = run;
  let instant = now;
  for (const event of events) {
    instant = addSeconds(instant, 1);
    const decision = decide(state, event, { now: instant, fraction: 0.5 });
    state = decision.run;
    effects.push(...decision.effects);
  }
  return { run: state, effects, now: instant };
};

/** Answers every task that is given out, until nothing is given out any more. */
const succeedAll = (run: Run, target: SiteId): { run: Run; effects: RunEffect[] } => {
  const effects: RunEffect[] = [];
  const queue: RunEvent[] = [{ type: "start", target }];
  let state = run;
  for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
    const decision = decide(state, event, { now: begin, fraction: 0 });
    state = decision.run;
    effects.push(...decision.effects);
    for (const effect of decision.effects) {
      if (effect.type !== "dispatch") continue;
      for (const task of effect.tasks) queue.push({ type: "completed", target, step: effect.step, ...task });
    }
  }
  return { run: state, effects };
};

const partOf = (run: Run, target: SiteId): TargetRun => {
  const part = run.targets[target];
  assert(part);
  return part;
};

describe("a run", () => {
  test("goes through its steps in order at one target, and leaves the other alone", () => {
    const { run, effects } = succeedAll(backup(), b);
    assert.equal(partOf(run, b).state, "succeeded");
    assert.equal(partOf(run, c).state, "queued");
    const steps = effects.flatMap((effect) => (effect.type === "dispatch" ? [effect.step] : []));
    assert.deepEqual([...new Set(steps)], stepsOf.backup);
    assert.equal(statusOf(run), "running");
  });

  test("writes the group down after the snapshot and after the publication, and frees the lane last", () => {
    const { effects } = succeedAll(backup(), b);
    const kinds = effects.map((effect) => (effect.type === "record-group" ? effect.role : effect.type));
    assert.deepEqual(
      kinds.filter((kind) => kind !== "dispatch"),
      ["source", "mirror", "ended"],
    );
    assert.equal(kinds.at(-1), "ended");
  });

  test("gives out no more tasks at once than the limit, and the next when one is done", () => {
    const { run } = play(backup(100, [b]), [
      { type: "start", target: b },
      { type: "completed", target: b, step: "snapshotting", index: 0, attempt: 1 },
    ]);
    assert.equal(partOf(run, b).inFlight.length, defaultRunLimits.inFlightMax);
    const next = decide(
      run,
      { type: "completed", target: b, step: "preparing", index: 3, attempt: 1 },
      { now: begin, fraction: 0 },
    );
    assert.deepEqual(next.effects, [
      { type: "dispatch", target: b, step: "preparing", delaySeconds: 0, tasks: [{ index: 8, attempt: 1 }] },
    ]);
  });

  test("takes a step that is reported complete twice as complete once", () => {
    const done: RunEvent = { type: "completed", target: b, step: "snapshotting", index: 0, attempt: 1 };
    const once = play(backup(), [{ type: "start", target: b }, done]);
    const twice = decide(once.run, done, { now: once.now, fraction: 0 });
    assert.equal(twice.run, once.run);
    assert.deepEqual(twice.effects, []);
  });

  const failure = (attempt: number, more: object = {}): RunEvent => ({
    type: "failed",
    target: b,
    step: "snapshotting",
    index: 0,
    attempt,
    reason: { code: "LINK_BROKEN", message: "The link broke." },
    retryable: true,
    progressed: false,
    ...more,
  });

  test("waits and tries again after a broken link, and fails after ten tries with the reason", () => {
    let run = play(backup(), [{ type: "start", target: b }]).run;
    for (let attempt = 1; attempt < defaultRunLimits.triesMax; attempt += 1) {
      const { run: after, effects } = decide(run, failure(attempt), { now: begin, fraction: 0.5 });
      assert.equal(partOf(after, b).state, "waiting");
      const delaySeconds = retryDelaySeconds(defaultRunLimits, attempt, 0.5);
      const tasks = [{ index: 0, attempt: attempt + 1 }];
      assert.deepEqual(effects, [{ type: "dispatch", target: b, step: "snapshotting", tasks, delaySeconds }]);
      run = after;
    }
    const { run: failed, effects } = decide(run, failure(10), { now: begin, fraction: 0 });
    assert.equal(partOf(failed, b).state, "failed");
    assert.match(partOf(failed, b).reason?.message ?? "", /The link broke.*10 tries/);
    assert(effects.some((effect) => effect.type === "ended" && effect.target === b));
    assert.equal(partOf(failed, c).state, "queued");
  });

  test("counts tries from the start again once something was acknowledged", () => {
    const { run } = play(backup(), [
      { type: "start", target: b },
      ...[1, 2, 3].map((attempt) => failure(attempt)),
      failure(4, { progressed: true }),
    ]);
    assert.equal(partOf(run, b).inFlight[0]?.failures, 1);
  });

  test("takes no notice of the late failure of an earlier try", () => {
    const { run } = play(backup(), [{ type: "start", target: b }, failure(1)]);
    assert.equal(decide(run, failure(1), { now: begin, fraction: 0 }).run, run);
  });

  test("fails at once when trying again can't help", () => {
    const { run } = play(backup(), [{ type: "start", target: b }, failure(1, { retryable: false })]);
    assert.equal(partOf(run, b).state, "failed");
  });

  test("leaves waiting when its next try is heard of", () => {
    const { run } = play(backup(), [
      { type: "start", target: b },
      failure(1),
      { type: "working", target: b, step: "snapshotting", index: 0, attempt: 2 },
    ]);
    assert.equal(partOf(run, b).state, "snapshotting");
  });

  test("takes no notice of the late sign of life of an earlier try, nor of one of another step or object", () => {
    const waiting = play(backup(), [{ type: "start", target: b }, failure(1)]);
    const now = addSeconds(begin, 30);
    for (const late of [{ attempt: 1 }, { attempt: 3 }, { index: 1 }, { step: "preparing" as const }]) {
      const event = { type: "working", target: b, step: "snapshotting", index: 0, attempt: 2, ...late } as const;
      assert.equal(decide(waiting.run, event, { now, fraction: 0 }).run, waiting.run, JSON.stringify(late));
    }
  });

  test("sends its tasks again when nobody answers, ever more patiently, and gives up in the end", () => {
    let { run } = play(backup(), [{ type: "start", target: b }]);
    let before: Instant = begin;
    const waits: number[] = [];
    while (!hasEnded(partOf(run, b))) {
      const deadline = partOf(run, b).deadline;
      assert(deadline !== null && waits.length < 50);
      waits.push(Date.parse(deadline) - Date.parse(before));
      before = deadline;
      run = decide(run, { type: "overdue", target: b, isStaffed: false }, { now: deadline, fraction: 0 }).run;
    }
    assert.equal(partOf(run, b).reason?.code, "GATEWAY_ABSENT");
    assert.equal(waits.length, defaultRunLimits.silencesMax + 1);
    assert(waits.slice(1).every((wait, i) => wait >= (waits[i] ?? 0) - 1000));
  });

  test("goes on for ever asking gateways that are there but busy", () => {
    let { run } = play(backup(), [{ type: "start", target: b }]);
    for (let i = 0; i < 100; i += 1) {
      const deadline = partOf(run, b).deadline as Instant;
      run = decide(run, { type: "overdue", target: b, isStaffed: true }, { now: deadline, fraction: 0 }).run;
    }
    assert.equal(partOf(run, b).state, "snapshotting");
  });

  test("gives up what it made on the source when it fails or is cancelled, after its lane is free", () => {
    const { effects } = play(backup(1, [b]), [{ type: "start", target: b }, failure(1, { retryable: false })]);
    assert.deepEqual(effects.slice(-2), [
      { type: "ended", target: b },
      { type: "tidy-source", target: b },
    ]);
  });

  test("is a success with a warning when only the tidying up fails", () => {
    let run = backup(1, [b]);
    const queue: RunEvent[] = [{ type: "start", target: b }];
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) {
      const decision = decide(run, event, { now: begin, fraction: 0 });
      run = decision.run;
      for (const effect of decision.effects) {
        if (effect.type !== "dispatch") continue;
        for (const task of effect.tasks) {
          const about = { target: b, step: effect.step, ...task };
          const reason = { code: "STORE_FULL", message: "The store is full." };
          if (effect.step === "reclaiming")
            queue.push({ type: "failed", ...about, reason, retryable: false, progressed: false });
          else queue.push({ type: "completed", ...about });
        }
      }
    }
    assert.equal(partOf(run, b).state, "succeeded");
    assert.equal(partOf(run, b).warning?.code, "STORE_FULL");
  });

  test("lets its lane go when the lane comes round to a part that was cancelled while it waited", () => {
    const { run } = play(backup(), [{ type: "cancel", target: b }]);
    const { effects } = decide(run, { type: "start", target: b }, { now: begin, fraction: 0 });
    assert.deepEqual(effects, [{ type: "ended", target: b }]);
  });

  test("fences off the writer when it is cancelled, and writes down a group that came to be all the same", () => {
    const { run, effects } = play(backup(1, [b]), [
      { type: "start", target: b },
      { type: "completed", target: b, step: "snapshotting", index: 0, attempt: 1 },
      { type: "completed", target: b, step: "preparing", index: 0, attempt: 1 },
      { type: "cancel", target: b },
    ]);
    assert.deepEqual(effects.slice(-3), [
      { type: "abort", target: b },
      { type: "ended", target: b },
      { type: "tidy-source", target: b },
    ]);
    const late = decide(
      run,
      { type: "completed", target: b, step: "publishing", index: 0, attempt: 1 },
      { now: begin, fraction: 0 },
    );
    assert.deepEqual(late.effects, [{ type: "record-group", role: "mirror", target: b }]);
    assert.equal(partOf(late.run, b).state, "cancelled");
  });
});

const anyEvent = (): fc.Arbitrary<RunEvent> => {
  const target = fc.constantFrom(b, c);
  const step = fc.constantFrom(...stepsOf.backup);
  const about = { target, step, index: fc.nat(3), attempt: fc.integer({ min: 1, max: 4 }) };
  return fc.oneof(
    fc.record({ type: fc.constant("start" as const), target }),
    fc.record({ type: fc.constant("working" as const), ...about }),
    { weight: 6, arbitrary: fc.record({ type: fc.constant("completed" as const), ...about }) },
    fc.record({
      type: fc.constant("failed" as const),
      ...about,
      reason: fc.constant({ code: "LINK_BROKEN", message: "The link broke." }),
      retryable: fc.boolean(),
      progressed: fc.boolean(),
    }),
    fc.record({ type: fc.constant("overdue" as const), target, isStaffed: fc.boolean() }),
    fc.record({ type: fc.constant("cancel" as const), target }),
    fc.record({
      type: fc.constant("supersede" as const),
      target,
      reason: fc.constant({ code: "SUPERSEDED", message: "A newer slot came." }),
    }),
  );
};

/** Walks through random events and looks at every step. */
const walk = (
  events: readonly RunEvent[],
  look: (before: Run, event: RunEvent, after: Run, effects: readonly RunEffect[]) => void,
) => {
  let run = backup(4);
  let now = begin;
  for (const event of events) {
    now = addSeconds(now, 45);
    const decision = decide(run, event, { now, fraction: 0.3 });
    look(run, event, decision.run, decision.effects);
    run = decision.run;
  }
};

describe("whatever happens to a run", () => {
  const events = fc.array(anyEvent(), { maxLength: 120 });

  test("I7: a part is being worked on exactly when it has a deadline, a step and a task", () => {
    fc.assert(
      fc.property(events, (history) =>
        walk(history, (_, __, after) => {
          for (const [, part] of partsOf(after)) {
            const isWorking = part.state !== "queued" && !hasEnded(part);
            assert.equal(part.deadline !== null, isWorking);
            assert.equal(part.step !== null, isWorking);
            assert.equal(part.inFlight.length > 0, isWorking);
          }
        }),
      ),
    );
  });

  test("I10: what happens to one target changes nothing of another", () => {
    fc.assert(
      fc.property(events, (history) =>
        walk(history, (before, event, after, effects) => {
          const other = event.target === b ? c : b;
          assert.equal(after.targets[other], before.targets[other]);
          assert(effects.every((effect) => effect.target === event.target));
        }),
      ),
    );
  });

  test("a part that has ended stays as it is, and has said so once", () => {
    fc.assert(
      fc.property(events, (history) => {
        const ends = { b: 0, c: 0 } as Record<string, number>;
        walk(history, (before, event, after, effects) => {
          if (hasEnded(partOf(before, event.target)))
            assert.deepEqual(after.targets[event.target], before.targets[event.target]);
          if (event.type === "start") return;
          for (const effect of effects)
            if (effect.type === "ended") ends[effect.target] = (ends[effect.target] ?? 0) + 1;
        });
        assert(Object.values(ends).every((count) => count <= 1));
      }),
    );
  });

  test("I8: the same event again gives no task a second time, unless it is a timeout or a lane that comes round", () => {
    fc.assert(
      fc.property(events, (history) => {
        let now = begin;
        walk(history, (_, event, after) => {
          now = addSeconds(now, 45);
          if (event.type === "overdue" || event.type === "start") return;
          const again = decide(after, event, { now, fraction: 0.3 });
          const given = again.effects.filter((effect) => effect.type === "dispatch" || effect.type === "ended");
          assert.deepEqual(given, []);
        });
      }),
    );
  });
});
