import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { invokeEvery } from "./invoke-every.ts";

const silent = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };

describe("invoking a function every so many seconds", () => {
  test("calls it at once and at every beat, goes on after a failure, and ends with the signal", async () => {
    const abort = new AbortController();
    const warnings: string[] = [];
    let calls = 0;
    let interval = 0;
    await invokeEvery({
      seconds: 60,
      handler: async () => {
        calls++;
        if (calls === 2) throw new Error("this one failed");
        if (calls === 4) abort.abort();
      },
      signal: abort.signal,
      log: { ...silent, failed: (_, message) => warnings.push(message) },
      beats: async function* (milliseconds, signal) {
        interval = milliseconds;
        while (!signal.aborted) yield;
        signal.throwIfAborted();
      },
    });
    assert.equal(interval, 60_000);
    assert.equal(calls, 4);
    assert.equal(warnings.length, 1);
  });

  test("ends by the timer it uses when nothing is replaced", async () => {
    const abort = new AbortController();
    let calls = 0;
    const handler = async () => {
      if (++calls === 2) abort.abort();
    };
    await invokeEvery({ seconds: 0.001, handler, signal: abort.signal, log: silent });
    assert.equal(calls, 2);
    await invokeEvery({ seconds: 60, handler, signal: abort.signal, log: silent });
    assert.equal(calls, 2);
  });
});
