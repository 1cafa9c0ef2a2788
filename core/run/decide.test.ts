import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RunKind, TargetRun, TargetState } from "../api/run.ts";
import { addSeconds, secondsBetween } from "../ports/clock.ts";
import { defaultRunLimits, retryDelaySeconds } from "./limits.ts";
import { hasEnded, statusOf, stepsOf } from "./steps.ts";
import { begin, type Happened, type Play, playPart, runOf, startedUntil, target } from "./testing.ts";

const superseded = { type: "supersede", reason: { code: "SUPERSEDED", message: "A newer slot came." } } as const;
const { triesMax, silencesMax, workingSeconds } = defaultRunLimits;

describe("a part of a run", () => {
  for (const kind of Object.keys(stepsOf) as RunKind[]) {
    test(`of kind ${kind} goes through its steps in their order, and lets its lane go at the end`, () => {
      const play = playPart({ kind, objectCount: 3 });
      play.start();
      assert.equal(play.end().isLaneHeld, true);
      play.workUntil();
      assert.deepEqual([...new Set(play.sent().map(({ step }) => step))], stepsOf[kind]);
      const { state, reason, warning, isLaneHeld } = play.end();
      assert.deepEqual([state, reason, warning, isLaneHeld], ["succeeded", undefined, undefined, false]);
      assert.deepEqual([play.part().startedAt, play.part().endedAt], [begin, play.now()]);
      assert.equal(play.part().endedIn, stepsOf[kind].at(-1));
    });
  }

  test("takes a step that is done twice as done once", () => {
    const play = startedUntil("preparing", { objectCount: 2 });
    const before = play.part();
    play.happen({ type: "done", step: "snapshotting" });
    play.happen({ type: "gave-up", step: "snapshotting", reason: { code: "LATE", message: "It is late." } });
    assert.equal(play.part(), before);
  });

  test("is started once", () => {
    const play = startedUntil("preparing");
    const before = play.part();
    play.start();
    assert.equal(play.part(), before);
  });

  test("that waits in its lane gives its place to a newer slot, and one that has begun does not", () => {
    const waiting = playPart();
    waiting.happen(superseded);
    const { state, reason } = waiting.end();
    assert.deepEqual([state, reason], ["skipped", "SUPERSEDED"]);
    const begun = startedUntil("preparing");
    begun.happen(superseded);
    assert.equal(begun.part().state, "preparing");
  });

  test("is cancelled while it waits and in each step, but not once its restore point is there", () => {
    for (const step of [undefined, ...stepsOf.backup, ...stepsOf.rebuild]) {
      const kind = step === "rebuilding" ? "rebuild" : "backup";
      const play = step === undefined ? playPart() : startedUntil(step, { kind });
      play.happen({ type: "cancel" });
      const { state, reason, isLaneHeld } = play.end();
      if (step === "reclaiming") {
        assert.deepEqual([state, isLaneHeld], ["reclaiming", true]);
        continue;
      }
      assert.deepEqual([state, reason, isLaneHeld], ["cancelled", "CANCELLED", false], step);
      assert.equal(play.part().endedIn, step);
      for (const shard of play.shardsOf(step ?? "snapshotting")) assert(shard.closed);
    }
  });

  test("that has ended lets a lane go again that comes round to it, and is not begun by that", () => {
    const cancelled = playPart();
    cancelled.happen({ type: "cancel" });
    cancelled.start();
    const { state, isLaneHeld, sent } = cancelled.end();
    assert.deepEqual([state, isLaneHeld, sent], ["cancelled", false, []]);
  });

  test("fails when a task is given up, with its reason", () => {
    const play = startedUntil("transferring", { objectCount: 2 });
    play.fail("transferring", 1, { code: "VOLUME_GONE", retryable: false });
    const { state, reason, isLaneHeld } = play.end();
    assert.deepEqual([state, reason, isLaneHeld], ["failed", "VOLUME_GONE", false]);
    assert.equal(play.part().endedIn, "transferring");
    assert(play.shardsOf("transferring").every(({ closed }) => closed));
  });

  for (const [what, code, giveUp] of [
    ["fails", "STORE_FULL", (play: Play) => play.fail("reclaiming", 0, { code: "STORE_FULL", retryable: false })],
    [
      "is not taken up",
      "GATEWAY_ABSENT",
      (play: Play) => {
        for (let i = 0; i <= silencesMax; i += 1) play.wait("reclaiming", 0);
      },
    ],
  ] as const) {
    test(`is a success with a warning when only the tidying up ${what}`, () => {
      const play = startedUntil("reclaiming");
      giveUp(play);
      const { state, reason, warning, isLaneHeld } = play.end();
      assert.deepEqual([state, reason, warning, isLaneHeld], ["succeeded", undefined, code, false]);
    });
  }
});

describe("a task", () => {
  test("that failed is sent again after a wait that grows, and given up after ten tries", () => {
    const play = startedUntil("snapshotting");
    for (let attempt = 1; attempt < triesMax; attempt += 1) {
      play.fail("snapshotting");
      const delaySeconds = retryDelaySeconds(defaultRunLimits, attempt, 0.5);
      assert.deepEqual(play.sent().at(-1), { step: "snapshotting", index: 0, attempt: attempt + 1, delaySeconds });
      const shard = play.shardAt("snapshotting");
      assert.deepEqual([shard?.waiting, shard?.reason?.code], [true, "LINK_BROKEN"]);
      assert(shard?.deadline && shard.deadline > addSeconds(play.now(), delaySeconds));
    }
    assert.equal(play.part().state, "snapshotting");
    play.fail("snapshotting");
    assert.equal(play.part().state, "failed");
    assert.match(play.part().reason?.message ?? "", /It went wrong\. \(10 tries\)/);
  });

  test("waits longer after each failure up to a limit, and a fifth of it is chance", () => {
    const waits = Array.from({ length: 20 }, (_, failures) =>
      retryDelaySeconds(defaultRunLimits, failures + 1, 0.9999),
    );
    assert.deepEqual(
      waits,
      [...waits].sort((one, other) => one - other),
    );
    assert(waits.every((wait) => wait <= defaultRunLimits.retrySecondsMax));
    assert.equal(retryDelaySeconds(defaultRunLimits, 3, 0), 0.8 * 8);
  });

  test("has its tries counted from the start again once something was acknowledged", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < 3; i += 1) play.fail("snapshotting");
    play.fail("snapshotting", 0, { progressed: true });
    assert.equal(play.shardAt("snapshotting")?.failures, 1);
    for (let i = 0; i < triesMax - 2; i += 1) play.fail("snapshotting");
    assert.equal(play.part().state, "snapshotting");
  });

  test("is given up at once when trying again can't help", () => {
    const play = startedUntil("snapshotting");
    play.fail("snapshotting", 0, { retryable: false });
    assert.equal(play.part().state, "failed");
    assert.equal(play.part().reason?.message, "It went wrong.");
  });

  test("of which the target has lost the base is told so until it is done, and the next one is not", () => {
    const play = startedUntil("transferring", { objectCount: 9 });
    play.fail("transferring", 0, { noBase: true });
    play.fail("transferring");
    assert.equal(play.shardAt("transferring")?.noBase, true);
    play.answer("transferring", 0);
    assert.deepEqual([play.shardAt("transferring")?.index, play.shardAt("transferring")?.noBase], [8, undefined]);
  });

  test("waits no more when its next try is heard of, and its failures stay counted", () => {
    const play = startedUntil("snapshotting");
    play.fail("snapshotting");
    play.speak("snapshotting");
    const { waiting, reason, failures } = play.shardAt("snapshotting") ?? {};
    assert.deepEqual([waiting, reason, failures], [undefined, undefined, 1]);
  });

  test("whose worker is heard of is not sent again, and one that is heard of often writes nothing", () => {
    const play = startedUntil("snapshotting");
    const before = play.shardAt("snapshotting");
    play.pass(10);
    play.speak("snapshotting");
    assert.equal(play.shardAt("snapshotting"), before, "its deadline is far off");
    play.pass(30);
    play.speak("snapshotting");
    assert.equal(play.shardAt("snapshotting")?.deadline, addSeconds(play.now(), workingSeconds));
    play.pass(40);
    play.overdue("snapshotting");
    assert.deepEqual(play.sent().length, 1);
  });

  test("takes no notice of what is said late of an earlier try, of one to come, or of another task or step", () => {
    const play = startedUntil("preparing", { objectCount: 9 });
    play.fail("preparing");
    play.pass(50);
    const [before, sent] = [JSON.stringify(play.shardsOf("preparing")), play.sent().length];
    for (const attempt of [1, 3]) {
      play.speak("preparing", 0, { attempt });
      play.fail("preparing", 0, { attempt, retryable: false });
    }
    for (const attempt of [1, 2]) {
      play.speak("preparing", 8, { attempt });
      play.fail("preparing", 8, { attempt });
      play.answer("preparing", 8, { attempt });
      play.answer("transferring", 0, { attempt });
      play.answer("snapshotting", 0, { attempt });
      play.fail("snapshotting", 0, { attempt, retryable: false });
    }
    assert.deepEqual([JSON.stringify(play.shardsOf("preparing")), play.sent().length], [before, sent]);
    assert.equal(play.part().state, "preparing");
  });

  test("is done by the answer to any try, since it is the same task each time", () => {
    const play = startedUntil("snapshotting");
    play.fail("snapshotting");
    play.fail("snapshotting");
    play.answer("snapshotting", 0, { attempt: 1 });
    assert.equal(play.part().state, "preparing");
  });

  test("is sent again when nobody answers, ever more patiently, and given up in the end", () => {
    const play = startedUntil("snapshotting");
    const waits: number[] = [];
    while (!hasEnded(play.part())) {
      const before = play.now();
      play.wait("snapshotting");
      waits.push(secondsBetween(before, play.now()));
      assert(waits.length < 50);
    }
    assert.equal(play.part().reason?.code, "GATEWAY_ABSENT");
    assert.equal(waits.length, silencesMax + 1);
    assert.equal(play.sent().length, 1 + silencesMax);
    assert.deepEqual(waits.slice(0, 3), [60, 120, 240]);
    assert.equal(waits.at(-1), defaultRunLimits.dispatchSecondsMax);
  });

  test("is asked for again for ever while gateways are there, which are busy", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < 100; i += 1) play.wait("snapshotting", 0, { isStaffed: true });
    assert.equal(play.part().state, "snapshotting");
    assert.deepEqual(
      [...new Set(play.sent().map(({ attempt }) => attempt))],
      [1],
      "it is the same try, whoever has it after all",
    );
  });

  test("has its silences counted from the start again once somebody was heard of", () => {
    const play = startedUntil("snapshotting");
    for (let i = 0; i < silencesMax; i += 1) play.wait("snapshotting");
    play.speak("snapshotting");
    assert.equal(play.shardAt("snapshotting")?.silence, 0);
    play.wait("snapshotting");
    assert.equal(play.part().state, "snapshotting");
  });
});

test("a run says what became of it as a whole", () => {
  const run = runOf("backup", 1);
  const part = run.targets[target] ?? assert.fail("it has a part");
  const cases: readonly (readonly [states: readonly TargetState[], status: string])[] = [
    [["queued", "queued"], "queued"],
    [["queued", "succeeded"], "running"],
    [["transferring", "failed"], "running"],
    [["succeeded", "skipped"], "succeeded"],
    [["succeeded", "failed"], "partly"],
    [["failed", "cancelled"], "failed"],
    [["cancelled", "skipped"], "cancelled"],
    [["skipped", "skipped"], "skipped"],
  ];
  for (const [states, status] of cases) {
    const parts = states.map((state, i): [string, TargetRun] => [`${i}`, { ...part, state }]);
    assert.equal(statusOf({ ...run, targets: Object.fromEntries(parts) }), status, states.join());
  }
});

/** What happens, as soon as it is known what is going on. */
const anything = (): fc.Arbitrary<(play: Play) => Happened> => {
  const step = fc.constantFrom(...stepsOf.backup);
  const about = { index: fc.nat(9), attempt: fc.integer({ min: 1, max: 4 }) };
  const reason = { code: "LINK_BROKEN", message: "The link broke." };
  const said = fc.oneof(
    fc.record({ type: fc.constant("working" as const), ...about }),
    fc.record({ type: fc.constant("completed" as const), ...about, answer: fc.constantFrom({}, { more: true }) }),
    fc.record({
      type: fc.constant("failed" as const),
      ...about,
      reason: fc.constant(reason),
      retryable: fc.boolean(),
      progressed: fc.boolean(),
    }),
  );
  const timeout = fc.record({ type: fc.constant("overdue" as const), isStaffed: fc.boolean() });
  const ofPart = fc.oneof(
    fc.constant({ type: "start" } as const),
    fc.constant({ type: "cancel" } as const),
    fc.constant(superseded),
    fc.record({ type: fc.constant("done" as const), step }),
    fc.record({ type: fc.constant("gave-up" as const), step, reason: fc.constant(reason) }),
  );
  // A step is done when its tasks are, and else only by a word that comes late.
  const isLate = (play: Play, event: Happened) => !("step" in event) || event.step !== play.part().step;
  return fc.oneof(
    fc.tuple(step, said).map(([of, task]) => () => ({ step: of, index: task.index, task })),
    fc.tuple(step, fc.nat(9), timeout).map(([of, index, task]) => () => ({ step: of, index, task })),
    ofPart.map((event) => (play: Play) => (isLate(play, event) ? event : ({ type: "start" } as const))),
    { weight: 8, arbitrary: fc.nat().map((n) => (play: Play) => nextAnswer(play, n)) },
  );
};

/** The answer to one of the tasks that are given out. */
const nextAnswer = (play: Play, n: number): Happened => {
  const { step } = play.part();
  const open = step === null ? [] : play.shardsOf(step).filter(({ deadline }) => deadline !== null);
  const shard = open[n % open.length];
  if (shard === undefined) return { type: "start" };
  const { index, attempt } = shard;
  return { step: shard.step, index, task: { type: "completed", index, attempt, answer: {} } };
};

describe("whatever happens to a part", () => {
  const histories = fc.array(anything(), { maxLength: 120 });
  /** `playPart` itself looks at I7 after each event. */
  const walk = (history: readonly ((play: Play) => Happened)[], look: (play: Play, event: Happened) => void) => {
    const play = playPart({ objectCount: 10 });
    for (const happens of history) {
      play.pass(45);
      look(play, happens(play));
    }
  };

  test("I7: it is worked on exactly when it has a step, and tasks with deadlines", () => {
    fc.assert(fc.property(histories, (history) => walk(history, (play, event) => play.happen(event))));
  });

  test("what has ended stays as it is, holds no lane, and gives out nothing", () => {
    fc.assert(
      fc.property(histories, (history) =>
        walk(history, (play, event) => {
          const before = play.part();
          const sent = play.sent().length;
          play.happen(event);
          if (!hasEnded(before)) return;
          assert.deepEqual(play.part(), before);
          assert.equal(play.end().isLaneHeld, false);
          assert.equal(play.sent().length, sent);
        }),
      ),
    );
  });

  test("I8: the same again sends no task a second time, and changes nothing", () => {
    fc.assert(
      fc.property(histories, (history) =>
        walk(history, (play, event) => {
          play.happen(event);
          const [before, sent] = [play.part(), play.sent().length];
          play.happen(event);
          assert.deepEqual([play.part(), play.sent().length], [before, sent]);
        }),
      ),
    );
  });
});
