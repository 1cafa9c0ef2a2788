import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BlockSet } from "./block-set.ts";

test("a set of blocks has what was added, in order, and its ranges are as long as they can be", () => {
  const range = fc.tuple(fc.nat(20), fc.nat(20)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  fc.assert(
    fc.property(fc.array(fc.nat(19)), fc.array(range), (single, ranges) => {
      const set = new BlockSet(20);
      const model = new Set<number>();
      for (const block of single) {
        set.add(block);
        model.add(block);
      }
      for (const [first, end] of ranges) {
        set.addRange(first, end);
        for (let block = first; block < end; block++) model.add(block);
      }
      assert.deepEqual(
        [...set],
        [...model].toSorted((a, b) => a - b),
      );
      const found = [...set.ranges()];
      for (const { first, end } of found) assert.deepEqual([model.has(first - 1), model.has(end)], [false, false]);
      const blocks = found.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, at) => first + at));
      assert.deepEqual(blocks, [...set]);
    }),
  );
});
