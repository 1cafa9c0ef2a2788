import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { hasEnded, stepsOf } from "./steps.ts";
import { type Happened, type Play, playPart, superseded } from "./testing.ts";

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
