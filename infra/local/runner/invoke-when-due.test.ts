import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Instant } from "../../../core/api/ids.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import { addSeconds, secondsBetween } from "../../../core/ports/clock.ts";
import type { DocumentStore } from "../../../core/ports/store.ts";
import { createMemoryStore } from "../../../functions/memory/store.ts";
import { manualTime } from "../../../gateway/agent/testing.ts";
import { DueSoon } from "./due-soon.ts";
import { invokeWhenDue } from "./invoke-when-due.ts";

const start = "2026-03-01T00:00:00.000Z" as Instant;
const silent = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };

/** Time that passes when it is told to, over a store into which others may have written before. */
const setUp = (handler: () => Promise<boolean> = async () => false) => {
  const time = manualTime(Date.parse(start));
  const clock: Clock = { now: () => new Date(time.nowMs()).toISOString() as Instant };
  const due = new DueSoon(clock);
  const table = createMemoryStore();
  const store = due.watch(table);
  const stop = new AbortController();
  const calls: Instant[] = [];
  let documents = 0;
  const putInto = (into: DocumentStore) => (dueAt: Instant) => {
    const key = { partition: "p", sort: `${++documents}` };
    return into.commit([{ type: "put", key, body: {}, expect: "any", dueAt }]);
  };
  return {
    time,
    clock,
    calls,
    put: putInto(store),
    /** What this process does not see. */
    putBefore: putInto(table),
    run: () => {
      const ended = invokeWhenDue({
        ...{ store, due, clock, signal: stop.signal, log: silent, sleep: time.sleep },
        handler: async () => {
          calls.push(clock.now());
          return handler();
        },
      });
      return async () => {
        stop.abort();
        await ended;
      };
    },
  };
};

/** Dues of which no call came within a second and a pause. */
const missed = (dues: readonly Instant[], calls: readonly Instant[]): readonly Instant[] =>
  dues.filter((dueAt) => !calls.some((at) => at >= dueAt && secondsBetween(dueAt, at) <= 2));

describe("a sweep that is called when something is due", () => {
  test("is called at once, and every four minutes when nothing is due", async () => {
    const { time, calls, run } = setUp();
    const stop = run();
    await time.advance(3_599_000);
    assert.equal(calls.length, 15);
    await stop();
  });

  test("is called soon after whatever comes due, never twice within a second, and rarely else", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 900_000 }), { maxLength: 30 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 1, max: 900_000 })), {
          maxLength: 20,
        }),
        async (before, writes) => {
          const { time, clock, calls, put, putBefore, run } = setUp();
          const dues = before.map((dueMs) => addSeconds(start, dueMs / 1000));
          for (const dueAt of dues) await putBefore(dueAt);
          const stop = run();
          for (const [pauseMs, dueMs] of writes) {
            await time.advance(pauseMs);
            const dueAt = addSeconds(clock.now(), dueMs / 1000);
            dues.push(dueAt);
            await put(dueAt);
          }
          await time.advance(1_000_000);
          await stop();
          assert.deepEqual(missed(dues, calls), []);
          const pauses = calls.slice(1).map((at, index) => secondsBetween(calls[index] ?? at, at));
          assert.ok(pauses.every((seconds) => seconds >= 1));
          const others = secondsBetween(start, clock.now()) / 240 + 1;
          assert.ok(calls.length <= dues.length + others, `${calls.length} calls for ${dues.length} dues`);
        },
      ),
      { numRuns: 30 },
    ));

  test("knows of all that was written before, page by page", async () => {
    const { time, calls, putBefore, run } = setUp();
    const dues = Array.from({ length: 250 }, (_, index) => addSeconds(start, index < 200 ? 10 : index));
    for (const dueAt of dues) await putBefore(dueAt);
    const stop = run();
    await time.advance(239_000);
    await stop();
    assert.deepEqual(
      missed(
        dues.filter((dueAt) => dueAt <= addSeconds(start, 237)),
        calls,
      ),
      [],
    );
  });

  test("is called within four minutes though the clock was set back by a year, and knows again what is due", async () => {
    const { time, calls, putBefore, run } = setUp();
    const stop = run();
    await time.advance(100_000);
    const { nowMs } = time;
    time.nowMs = () => nowMs() - 365 * 86_400_000;
    const dueAt = addSeconds(start, 600 - 365 * 86_400);
    await putBefore(dueAt);
    await time.advance(700_000);
    assert.deepEqual(missed([dueAt], calls), []);
    await stop();
  });

  test("is called again after a second as long as there is more, or it fails", async () => {
    let turn = 0;
    const { time, calls, run } = setUp(async () => {
      turn += 1;
      if (turn === 50) throw new Error("the table does not answer");
      return turn < 100;
    });
    const stop = run();
    await time.advance(200_000);
    assert.equal(calls.length, 100);
    await stop();
  });
});
