import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { eachBounded } from "./each-bounded.ts";
import { createMemoryLog } from "./testing/memory-log.ts";
import { withQuickTries } from "./tries.ts";

const options = (signal = new AbortController().signal) => {
  const slept: number[] = [];
  const time = {
    nowMs: () => 0,
    sleep: async (ms: number) => {
      slept.push(ms);
    },
  };
  return { slept, purpose: "do it", time, log: createMemoryLog(), signal };
};
const broken = new VisibleError("LINK_BROKEN", "cut");

describe("quick tries", () => {
  test("go on until one succeeds, and tell each what went wrong before", async () => {
    const seen: unknown[] = [];
    const given = options();
    const result = await withQuickTries(given, async (lastError) => {
      seen.push(lastError);
      if (seen.length < 3) throw broken;
      return "done";
    });
    assert.equal(result, "done");
    assert.deepEqual(seen, [undefined, broken, broken]);
    assert.ok(given.slept.length === 2 && given.slept.every((ms) => ms > 0 && ms <= 5000));
  });

  test("are three at most", async () => {
    let tries = 0;
    const failing = async () => {
      tries++;
      throw broken;
    };
    await assert.rejects(withQuickTries(options(), failing), broken);
    assert.equal(tries, 3);
  });

  test("are not made for what does not pass by itself, nor for defects", async () => {
    for (const error of [new VisibleError("FENCED", "no"), new VisibleError("STORE_FULL", "no"), new Error("defect")]) {
      let tries = 0;
      const failing = async () => {
        tries++;
        throw error;
      };
      await assert.rejects(withQuickTries(options(), failing), error);
      assert.equal(tries, 1);
    }
  });

  test("end with the signal", async () => {
    const stop = new AbortController();
    const reason = new Error("stopped");
    const failing = async () => {
      stop.abort(reason);
      throw broken;
    };
    await assert.rejects(withQuickTries(options(stop.signal), failing), reason);
  });
});

describe("items that are worked on side by side", () => {
  test("are done once each, so many at a time", async () => {
    let busy = 0;
    let busyMax = 0;
    const done: number[] = [];
    const items = Array.from({ length: 20 }, (_, index) => index);
    await eachBounded(items, { concurrencyMax: 3, signal: new AbortController().signal }, async (item) => {
      busyMax = Math.max(busyMax, ++busy);
      await new Promise(setImmediate);
      busy--;
      done.push(item);
    });
    assert.deepEqual(
      done.toSorted((a, b) => a - b),
      items,
    );
    assert.equal(busyMax, 3);
  });

  test("all end at the first failure, which is what is thrown", async () => {
    const begun: number[] = [];
    const reason = new Error("the second fails");
    const work = async (item: number, signal: AbortSignal) => {
      begun.push(item);
      if (item === 1) throw reason;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    await assert.rejects(
      eachBounded([0, 1, 2, 3, 4], { concurrencyMax: 2, signal: new AbortController().signal }, work),
      reason,
    );
    assert.deepEqual(begun, [0, 1]);
  });
});
