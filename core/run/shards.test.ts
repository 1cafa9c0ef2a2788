import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Progress, Shard } from "../api/run.ts";
import { addSeconds } from "../ports/clock.ts";
import { decideTask } from "./decide.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";
import {
  closed,
  doneCount,
  firstShard,
  isFinished,
  isTaskDone,
  reopened,
  shardCount,
  shardOf,
  shardsMax,
} from "./shards.ts";
import { begin, type playPart, startedUntil, target } from "./testing.ts";

const shardsOf = (count: number): readonly Shard[] =>
  Array.from({ length: shardCount(count) }, (_, shard) =>
    firstShard(
      { step: "transferring", shard, count, told: { source: target, sequence: 1 } },
      begin,
      defaultRetryPolicy,
    ),
  );

const progress = (bytesSent: number): Progress => ({
  phase: "sending",
  extentsTotal: 8,
  extentsDone: 4,
  extentsUnchanged: 2,
  extentsHole: 1,
  bytesTotal: 1000,
  bytesRead: 3 * bytesSent,
  bytesChanged: 2 * bytesSent,
  bytesSent,
});

describe("the shards of a step", () => {
  test("give out each of its tasks once, eight at a time at most, whatever the order of the answers", () => {
    const counts = fc.integer({ min: 1, max: 100 });
    fc.assert(
      fc.property(counts, fc.array(fc.nat(), { minLength: 100, maxLength: 100 }), (count, order) => {
        const play = startedUntil("transferring", { objectCount: count });
        for (const n of order.slice(0, count)) {
          const open = play.shardsOf("transferring").filter(({ deadline }) => deadline !== null);
          assert(open.length > 0 && open.length <= shardsMax);
          const shard = open[n % open.length] ?? assert.fail();
          play.answer("transferring", shard.index);
          play.answer("transferring", shard.index);
        }
        assert.equal(play.part().state, "publishing");
        const given = play.sent().filter(({ step }) => step === "transferring");
        assert.deepEqual(
          given.map(({ index }) => index).sort((one, other) => one - other),
          Array.from({ length: count }, (_, index) => index),
        );
        assert(given.every(({ attempt, delaySeconds }) => attempt === 1 && delaySeconds === 0));
      }),
    );
  });

  test("know of each task whether it is done, and how many are", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(fc.nat(), { maxLength: 100 }), (count, order) => {
        const play = startedUntil("transferring", { objectCount: count });
        const done = new Set<number>();
        for (const n of order.slice(0, count)) {
          const open = play.shardsOf("transferring").filter(({ deadline }) => deadline !== null);
          const { index } = open[n % open.length] ?? assert.fail();
          play.answer("transferring", index);
          done.add(index);
        }
        const shards = play.shardsOf("transferring");
        assert.equal(
          shards.reduce((sum, shard) => sum + doneCount(shard), 0),
          done.size,
        );
        for (let index = 0; index < count; index += 1) {
          const shard = play.shardAt("transferring", index) ?? assert.fail();
          assert.equal(isTaskDone(shard, index), done.has(index));
        }
        assert.equal(shards.every(isFinished), done.size === count);
      }),
    );
  });

  test("are as many as there are tasks for, eight at most, and a task's number tells its own", () => {
    assert.deepEqual([1, 7, 8, 9, 100].map(shardCount), [1, 7, 8, 8, 8]);
    for (const [shard, { index, attempt, deadline }] of shardsOf(20).entries()) {
      assert.deepEqual([index, attempt, deadline], [shard, 1, addSeconds(begin, defaultRetryPolicy.dispatchSeconds)]);
      assert.equal(shardOf(index + shardsMax), shard);
    }
  });

  test("one that fails or is silent keeps none of the others waiting", () => {
    const play = startedUntil("transferring", { objectCount: 20 });
    const others = () => play.shardsOf("transferring").filter(({ shard }) => shard !== 3);
    const before = others();
    play.fail("transferring", 3);
    play.wait("transferring", 3);
    assert.deepEqual(others(), before);
    play.answer("transferring", 4);
    assert.deepEqual(play.sent().at(-1), { step: "transferring", index: 12, attempt: 1, delaySeconds: 0 });
  });

  test("one that is closed gives out nothing and hears nothing; reopened, it goes on with the task that it was at", () => {
    const play = startedUntil("transferring", { objectCount: 20 });
    play.answer("transferring", 0, { progress: progress(1) });
    play.fail("transferring", 8);
    const before = play.shardAt("transferring") ?? assert.fail();
    const shut = closed(before);
    assert.deepEqual([shut.deadline, shut.closed], [null, true]);
    const about = { index: 8, attempt: 2 } as const;
    const reason = { code: "LINK_BROKEN", message: "The link broke." };
    for (const event of [
      { type: "working", ...about },
      { type: "completed", ...about, answer: {} },
      { type: "failed", ...about, reason, retryable: false, progressed: false },
      { type: "overdue", isStaffed: false },
    ] as const) {
      assert.deepEqual(decideTask(shut, event, { now: begin, fraction: 0 }), { shard: shut }, event.type);
    }
    const now = addSeconds(begin, 1000);
    const again = reopened(shut, now, defaultRetryPolicy);
    assert.deepEqual([again.index, again.attempt, again.failures, again.silence], [8, 3, 0, 0]);
    assert.deepEqual([again.closed, again.waiting, again.reason], [undefined, undefined, undefined]);
    assert.equal(again.deadline, addSeconds(now, defaultRetryPolicy.dispatchSeconds));
    assert.deepEqual(again.done, before.done);
  });
});

describe("what a shard knows of its tasks' progress", () => {
  test("is that of the task that is given out, and the sum of those that are done, in every unit", () => {
    const play = startedUntil("transferring", { objectCount: 17 });
    play.pass(40);
    play.speak("transferring", 0, { progress: progress(5) });
    assert.deepEqual(play.shardAt("transferring")?.progress, progress(5));
    assert.equal(play.shardAt("transferring")?.done, undefined);
    play.answer("transferring", 0, { progress: progress(100) });
    assert.equal(play.shardAt("transferring")?.progress, undefined);
    play.answer("transferring", 8, { progress: progress(10) });
    const { phase: _, ...one } = progress(0);
    assert.deepEqual(play.shardAt("transferring")?.done, {
      ...{ ...one, extentsTotal: 16, extentsDone: 8, extentsUnchanged: 4, extentsHole: 2, bytesTotal: 2000 },
      ...{ bytesRead: 330, bytesChanged: 220, bytesSent: 110 },
    });
  });

  test("is what was heard last of a task whose answer does not tell it, and nothing of one that never told", () => {
    const play = startedUntil("rebuilding", { kind: "rebuild", objectCount: 9 });
    play.pass(40);
    play.speak("rebuilding", 0, { progress: progress(5) });
    play.answer("rebuilding", 0);
    assert.equal(play.shardAt("rebuilding")?.done?.bytesSent, 5);
    play.answer("rebuilding", 1);
    assert.equal(play.shardAt("rebuilding", 1)?.done, undefined);
  });
});

describe("an answer in parts", () => {
  const taken = (objects: number) => ({ at: begin, sizeBytes: 1000 * objects, extents: 10 * objects });
  const part = (number: number, of: number, objects: number) => ({ part: { number, of }, taken: taken(objects) });
  const snapshot = () => startedUntil("snapshotting", { objectCount: 3 });
  const takenIn = (play: ReturnType<typeof playPart>) => play.shardAt("snapshotting")?.taken;

  test("ends its task when all of it has come, in any order, and each part counts once", () => {
    const parts = fc.integer({ min: 1, max: 12 }).chain((of) => {
      const numbers = Array.from({ length: of }, (_, number) => number);
      const repeats = fc.array(fc.nat(of - 1), { maxLength: 10 });
      return fc.tuple(
        fc.constant(of),
        repeats.chain((more) => fc.shuffledSubarray([...numbers, ...more], { minLength: of + more.length })),
      );
    });
    fc.assert(
      fc.property(parts, ([of, order]) => {
        const play = snapshot();
        const come = new Set<number>();
        for (const number of order) {
          assert.equal(play.part().state, come.size === of ? "preparing" : "snapshotting");
          play.answer("snapshotting", 0, part(number, of, number + 1));
          come.add(number);
        }
        assert.equal(play.part().state, "preparing");
        assert.deepEqual(takenIn(play), taken((of * (of + 1)) / 2));
        assert.equal(play.shardAt("snapshotting")?.answered, undefined);
      }),
    );
  });

  test("is a sign of life, and a part that came before is none", () => {
    const play = snapshot();
    play.fail("snapshotting");
    play.wait("snapshotting");
    play.answer("snapshotting", 0, part(0, 2, 1));
    const { deadline, waiting, reason, silence } = play.shardAt("snapshotting") ?? {};
    assert.deepEqual([waiting, reason, silence], [undefined, undefined, 0]);
    assert.equal(deadline, addSeconds(play.now(), defaultRetryPolicy.workingSeconds));
    play.pass(20);
    play.answer("snapshotting", 0, part(0, 2, 1));
    assert.equal(play.shardAt("snapshotting")?.deadline, deadline);
  });

  test("that is cut otherwise, by another version, counts by itself, and so does one that is whole", () => {
    const play = snapshot();
    play.answer("snapshotting", 0, part(0, 3, 1));
    play.answer("snapshotting", 0, part(1, 3, 1));
    play.answer("snapshotting", 0, part(1, 2, 1));
    assert.deepEqual(takenIn(play), taken(1), "what came of the other cut is forgotten");
    play.answer("snapshotting", 0, part(2, 3, 1));
    assert.equal(play.part().state, "snapshotting");
    play.answer("snapshotting", 0, { taken: taken(3) });
    assert.deepEqual([play.part().state, takenIn(play)], ["preparing", taken(3)]);
  });

  test("goes on where it was when its task has to be sent again", () => {
    const play = snapshot();
    play.answer("snapshotting", 0, part(0, 2, 1));
    play.wait("snapshotting");
    play.answer("snapshotting", 0, part(1, 2, 2));
    assert.deepEqual([play.part().state, takenIn(play)], ["preparing", taken(3)]);
  });
});
