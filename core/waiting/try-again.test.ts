import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tryAgain } from "./try-again.ts";

/** Tries whose waits take no time and are written down. */
const tries = (triesMax = 4) => {
  const waitsMs: number[] = [];
  const sleep = async (ms: number) => void waitsMs.push(ms);
  const backoffMs = { first: 10, max: 25, jitter: 0.5 };
  return { waitsMs, triesMax, backoffMs, time: { sleep }, fraction: () => 0, mayHelp: () => true };
};

const failing = (failures: readonly unknown[]) => {
  let calls = 0;
  const seen: unknown[] = [];
  const work = async (lastFailure: unknown) => {
    seen.push(lastFailure);
    const failure = failures[calls];
    calls += 1;
    if (failure !== undefined) throw failure;
    return "done";
  };
  return { work, seen, calls: () => calls };
};

const [one, two, three] = [new Error("one"), new Error("two"), new Error("three")];

describe("trying again", () => {
  test("goes on until a try succeeds, with ever longer waits, and tells each what went wrong before", async () => {
    const given = tries();
    const { work, seen } = failing([one, two, three]);
    assert.equal(await tryAgain(given, work), "done");
    assert.deepEqual(seen, [undefined, one, two, three]);
    assert.deepEqual(given.waitsMs, [5, 10, 12.5]);
  });

  test("ends after so many tries with the last failure", async () => {
    const { work, calls } = failing([one, two, three]);
    const heard: unknown[] = [];
    const onFailure = (...about: unknown[]) => void heard.push(about);
    await assert.rejects(tryAgain({ ...tries(2), onFailure }, work), two);
    assert.equal(calls(), 2);
    assert.deepEqual(heard, [[one, 1]], "nobody hears of another try that does not come");
  });

  test("is not for what it does not help", async () => {
    const given = { ...tries(), mayHelp: (failure: unknown) => failure === one };
    const { work, calls } = failing([one, two, three]);
    await assert.rejects(tryAgain(given, work), two);
    assert.equal(calls(), 2);
  });

  test("whoever waits when it is called off gets one last try, and nobody waits any more", async () => {
    const stop = new AbortController();
    const given = tries();
    const sleep = async () => stop.abort();
    const { work, calls } = failing([one, two, three]);
    await assert.rejects(tryAgain({ ...given, time: { sleep }, signal: stop.signal }, work), two);
    assert.equal(calls(), 2);
  });
});
