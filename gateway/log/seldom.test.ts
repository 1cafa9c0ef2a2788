import assert from "node:assert/strict";
import { test } from "node:test";
import { seldom } from "./seldom.ts";

test("what comes often is told at the first time, and then once a minute with how often it came", () => {
  let nowMs = 0;
  const told: number[] = [];
  const note = seldom(
    () => nowMs,
    (times) => told.push(times),
  );
  for (; nowMs < 150_000; nowMs += 10_000) note();
  assert.deepEqual(told, [1, 6, 6]);
});
