import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { BlockCache } from "./block-cache.ts";

const unitBytes = 4;

/** An extent of ten units, each full of its number, with what was read of it. */
const cacheOf = (unitsAhead: number, failing?: number) => {
  const asked: number[] = [];
  const cache = new BlockCache({
    ...{ extentBytes: 10 * unitBytes, unitBytes, unitsAhead },
    read: async (offset, into) => {
      const unit = offset / unitBytes;
      asked.push(unit);
      await setImmediate();
      if (unit === failing) throw new Error(`unit ${unit} can't be read`);
      into.fill(unit);
    },
  });
  return { asked, unit: (unit: number) => cache.bytes(unit * unitBytes, unitBytes) };
};

test("what follows is read ahead where one unit is asked for after the other, once, and not behind the extent", async () => {
  const { asked, unit } = cacheOf(2);
  assert.deepEqual([...(await unit(0))], [0, 0, 0, 0]);
  assert.deepEqual(asked, [0, 1, 2]);
  for (let at = 1; at < 10; at++) assert.deepEqual([...(await unit(at))], Array(unitBytes).fill(at));
  assert.deepEqual(asked, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("who asks here and there has nothing read ahead", async () => {
  const { asked, unit } = cacheOf(2);
  for (const at of [5, 2, 8]) assert.deepEqual([...(await unit(at))], Array(unitBytes).fill(at));
  assert.deepEqual(asked, [5, 2, 8]);
});

test("what can't be read ahead fails when it is asked for, and nothing else does", async () => {
  const { unit } = cacheOf(2, 2);
  assert.deepEqual([...(await unit(0))], [0, 0, 0, 0]);
  assert.deepEqual([...(await unit(1))], [1, 1, 1, 1]);
  await assert.rejects(unit(2), /unit 2 can't be read/);
  assert.deepEqual([...(await unit(3))], [3, 3, 3, 3]);
});

test("eight units that were asked for stay as they are, whatever is read ahead", async () => {
  const { unit } = cacheOf(2);
  const views: Uint8Array[] = [];
  for (let at = 0; at < 8; at++) views.push(await unit(at));
  await setImmediate();
  assert.deepEqual(
    views.map((view) => view[0]),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});
