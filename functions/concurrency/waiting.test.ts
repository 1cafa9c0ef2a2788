import assert from "node:assert/strict";
import { test } from "node:test";
import { processWaiting } from "./waiting.ts";

test("a wait ends at once when it is called off, also before it has begun", async () => {
  const stop = new AbortController();
  const waits = processWaiting.sleep(2 ** 31 - 1, stop.signal);
  stop.abort();
  assert.equal(await waits, undefined);
  assert.equal(await processWaiting.sleep(2 ** 31 - 1, stop.signal), undefined);
});
