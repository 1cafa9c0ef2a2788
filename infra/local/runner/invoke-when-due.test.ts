import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Instant } from "../../../core/api/ids.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { addSeconds, secondsBetween } from "../../../core/ports/clock.ts";
import { createMemoryStore } from "../../../functions/memory/store.ts";
import { manualTime } from "../../../gateway/agent/testing.ts";
import { DueSoon } from "./due-soon.ts";
import { invokeWhenDue } from "./invoke-when-due.ts";

const start = "2026-03-01T00:00:00.000Z" as Instant;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A sweep that has run for its first minute, in time that passes when it is told to. */
const setUp = async (handler: () => Promise<boolean> = async () => false) => {
  const time = manualTime(Date.parse(start));
  const clock: Clock = { now: () => new Date(time.nowMs()).toISOString() as Instant };
  const due = new DueSoon(clock);
  const store = due.watch(createMemoryStore());
  const stop = new AbortController();
  const calls: Instant[] = [];
  const ended = invokeWhenDue({
    ...{ due, clock, signal: stop.signal, log: silent, sleep: time.sleep },
    handler: async () => {
      calls.push(clock.now());
      return handler();
    },
  });
  let documents = 0;
  return {
    time,
    clock,
    calls,
    put: (dueAt: Instant) => {
      const key = { partition: "p", sort: `${++documents}` };
      return store.commit([{ type: "put", key, body: {}, expect: "any", dueAt }]);
    },
    stop: async () => {
      stop.abort();
      await ended;
    },
  };
};

describe("a sweep that is called when something is due", () => {
  test("is called every second in its first minute, and once a minute when nothing is due", async () => {
    const { time, calls, stop } = await setUp();
    await time.advance(59_999);
    assert.equal(calls.length, 60);
    await time.advance(600_000);
    assert.equal(calls.length, 70);
    await stop();
  });

  test("is called within a second of whatever comes due, never twice within one, and rarely else", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 290_000 })), {
          maxLength: 20,
        }),
        async (writes) => {
          const { time, clock, calls, put, stop } = await setUp();
          await time.advance(60_000);
          calls.length = 0;
          const dues: Instant[] = [];
          for (const [pauseMs, dueMs] of writes) {
            await time.advance(pauseMs);
            const dueAt = addSeconds(clock.now(), dueMs / 1000);
            dues.push(dueAt);
            await put(dueAt);
          }
          await time.advance(300_000);
          await stop();
          for (const dueAt of dues) {
            const next = calls.find((at) => at >= dueAt);
            assert.ok(next !== undefined && secondsBetween(dueAt, next) <= 2, `${dueAt} waited until ${next}`);
          }
          for (const [index, at] of calls.entries()) {
            const before = calls[index - 1];
            assert.ok(before === undefined || secondsBetween(before, at) >= 1);
          }
          const minutes = secondsBetween(start, clock.now()) / 60;
          assert.ok(calls.length <= dues.length + minutes + 1, `${calls.length} calls for ${dues.length} dues`);
        },
      ),
      { numRuns: 30 },
    ));

  test("is called again after a second as long as there is more, or it fails", async () => {
    let turn = 0;
    const { time, calls, stop } = await setUp(async () => {
      turn += 1;
      if (turn === 100) throw new Error("the table does not answer");
      return turn < 120;
    });
    await time.advance(125_000);
    assert.equal(calls.length, 120);
    await stop();
  });
});
