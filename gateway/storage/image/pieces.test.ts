import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dataPiecesOf, pieceBytes, piecesOf } from "./pieces.ts";

const MiB = pieceBytes;

test("pieces follow each other to the last byte, and are holes where no range touches them", () => {
  assert.deepEqual(
    [
      ...piecesOf(3 * MiB + 512, [
        { offset: MiB - 1, length: 1 },
        { offset: 3 * MiB, length: 1 },
      ]),
    ],
    [
      { offset: 0, length: MiB, isHole: false },
      { offset: MiB, length: MiB, isHole: true },
      { offset: 2 * MiB, length: MiB, isHole: true },
      { offset: 3 * MiB, length: 512, isHole: false },
    ],
  );
});

test("every byte of every range is in a piece that is no hole, and every such piece has one", () => {
  const range = fc.record({ gap: fc.nat(3 * MiB), length: fc.integer({ min: 1, max: 3 * MiB }) });
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), fc.nat(MiB), (gaps, rest) => {
      let end = 0;
      const ranges = gaps.map(({ gap, length }) => {
        const offset = end + gap;
        end = offset + length;
        return { offset, length };
      });
      const sizeBytes = end + rest;
      const touched = new Set<number>();
      for (const { offset, length } of ranges) {
        for (let at = Math.floor(offset / MiB); at * MiB < offset + length; at++) touched.add(at);
      }
      const data = [...dataPiecesOf(sizeBytes, ranges)].map(({ offset }) => offset / MiB);
      assert.deepEqual(data, [...touched]);
    }),
  );
});
