import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cellBytes, cellOf, cells, judgeOrder, numberedBlock, numbersIn } from "./numbered.ts";

const volumeCount = 3;
const after = (writes: number): number[][] => {
  const volumes = Array.from({ length: volumeCount }, () => Array.from({ length: cells }, () => 0));
  for (let number = 1; number <= writes; number += 1) {
    const volume = volumes[(number - 1) % volumeCount] ?? assert.fail();
    volume[cellOf(number, volumeCount)] = number;
  }
  return volumes;
};
const writesMax = 3 * volumeCount * cells;

test("the state after any write is in order, and that write is found", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: writesMax }), (writes) => {
      assert.deepEqual(judgeOrder(after(writes)), { newest: writes, violations: [] });
    }),
  );
});

test("volumes of two instants are told, even when only two writes to one of them lie in between", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: writesMax }),
      fc.integer({ min: 2 * volumeCount, max: 4 * volumeCount }),
      fc.integer({ min: 0, max: volumeCount - 1 }),
      (writes, later, volume) => {
        const mixed = after(writes).map((numbers, i) => (i === volume ? (after(writes + later)[i] ?? []) : numbers));
        assert.notDeepEqual(judgeOrder(mixed).violations, []);
      },
    ),
  );
});

test("a block that is torn has no number", () => {
  const content = Buffer.alloc(cells * cellBytes);
  content.set(numberedBlock(7));
  assert.equal(numbersIn(content)[0], 7);
  content.writeUInt8(8, cellBytes - 4);
  assert(Number.isNaN(numbersIn(content)[0]));
});
