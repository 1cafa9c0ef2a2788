import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { until } from "./until.ts";

/** A time that passes only while somebody waits. */
const waitedTime = () => {
  let nowMs = 0;
  const sleep = async (ms: number) => {
    nowMs += ms;
  };
  return { nowMs: () => nowMs, sleep };
};

const stop = () => new AbortController();

describe("asking until it is so", () => {
  test("asks at once, and again after each pause", async () => {
    const time = waitedTime();
    const askedAtMs: number[] = [];
    const isSo = async () => askedAtMs.push(time.nowMs()) === 3;
    const options = { everyMs: 20, withinMs: 1000, time, signal: stop().signal };
    assert.equal(await until(isSo, options), true);
    assert.deepEqual(askedAtMs, [0, 20, 40]);
  });

  test("asks a last time when the time is up, and then no more", async () => {
    const time = waitedTime();
    const askedAtMs: number[] = [];
    const isSo = async () => askedAtMs.push(time.nowMs()) === 0;
    const options = { everyMs: 20, withinMs: 40, time, signal: stop().signal };
    assert.equal(await until(isSo, options), false);
    assert.deepEqual(askedAtMs, [0, 20, 40]);
  });

  test("ends with the signal", async () => {
    const called = stop();
    const isSo = async () => {
      called.abort();
      return false;
    };
    const options = { everyMs: 20, withinMs: 1000, time: waitedTime(), signal: called.signal };
    assert.equal(await until(isSo, options), false);
  });

  test("what asking throws is thrown", async () => {
    const broken = new Error("broken");
    const options = { everyMs: 20, withinMs: 1000, time: waitedTime(), signal: stop().signal };
    await assert.rejects(
      until(() => Promise.reject(broken), options),
      broken,
    );
  });
});
