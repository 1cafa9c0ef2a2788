import assert from "node:assert/strict";
import { test } from "node:test";
import { mapBounded } from "./map-bounded.ts";

test("mapBounded keeps the order of results and never has more calls going on than it may", async () => {
  let current = 0;
  let most = 0;
  const squares = await mapBounded([3, 1, 2, 5, 4], 2, async (n) => {
    most = Math.max(most, ++current);
    for (let turn = 0; turn < n; turn++) await Promise.resolve();
    current--;
    return n * n;
  });
  assert.deepEqual(squares, [9, 1, 4, 25, 16]);
  assert.equal(most, 2);
  assert.deepEqual(await mapBounded([], 2, async () => 1), []);
});

test("mapBounded begins nothing new after a failure, and waits for what goes on before it throws", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const work = mapBounded([1, 2, 3, 4], 2, async (n) => {
    begun.push(n);
    if (n === 1) throw new Error("the first failed");
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    ended.push(n);
  });
  await assert.rejects(work, /the first failed/);
  assert.deepEqual(begun, [1, 2]);
  assert.deepEqual(ended, [2]);
});
