import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseFiles, deadFractionAllowed } from "./choose.ts";
import type { FileSpace } from "./space.ts";

const fullBytes = 1000;
const filesOf = (...sizes: readonly (readonly [sizeBytes: number, liveBytes: number])[]): FileSpace[] =>
  sizes.map(([sizeBytes, liveBytes], index) => ({ id: index + 1, sizeBytes, liveBytes }));
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

let lastId = 1_000_000;

/** Writes files anew until none is chosen. @returns what is left, and the bytes that were copied */
const settle = (files: readonly FileSpace[]) => {
  let left = [...files];
  let copiedBytes = 0;
  for (let steps = 0; ; steps++) {
    const chosen = chooseFiles(left, fullBytes);
    if (chosen.length === 0) return { left, copiedBytes };
    assert(steps < 2 * files.length, "it has no end");
    const id = ++lastId;
    const bytes = sum(left.filter((file) => chosen.includes(file.id)).map(({ liveBytes }) => liveBytes));
    left = [...left.filter((file) => !chosen.includes(file.id)), { id, sizeBytes: bytes, liveBytes: bytes }];
    copiedBytes += bytes;
  }
};

const anyFiles = fc.array(
  fc.tuple(fc.integer({ min: 1, max: fullBytes + 50 }), fc.double({ min: 0, max: 1, noNaN: true })),
  { maxLength: 200 },
);

test("files are written anew until a tenth of the whole is dead, and it comes to an end", () => {
  fc.assert(
    fc.property(anyFiles, (shapes) => {
      const { left } = settle(filesOf(...shapes.map(([size, live]) => [size, Math.ceil(size * live)] as const)));
      const liveBytes = sum(left.map((file) => file.liveBytes));
      const totalBytes = sum(left.map((file) => file.sizeBytes));
      assert(totalBytes - liveBytes <= totalBytes * deadFractionAllowed + 1e-6);
    }),
  );
});

test("few small files are left, and none is copied again for each other small one that comes", () => {
  fc.assert(
    fc.property(anyFiles, (shapes) => {
      const { left } = settle(filesOf(...shapes.map(([size]) => [size, size] as const)));
      const small = left.filter(({ sizeBytes }) => sizeBytes < fullBytes / 8).length;
      assert(small <= 1 + Math.log2(fullBytes / 8), `${small} small files`);
    }),
  );
  let files: FileSpace[] = [];
  let copiedBytes = 0;
  for (let id = 1; id <= 1000; id++) {
    const settled = settle([...files, { id, sizeBytes: 1, liveBytes: 1 }]);
    files = settled.left;
    copiedBytes += settled.copiedBytes;
  }
  assert(copiedBytes < 1000 * 12, `${copiedBytes} bytes were copied for 1000`);
});

test("the largest dead part goes first, since it costs least, and no more than it takes", () => {
  assert.deepEqual(chooseFiles(filesOf([1000, 800], [1000, 300], [1000, 1000]), fullBytes), [2]);
  assert.deepEqual(chooseFiles(filesOf([1000, 950], [1000, 900], [1000, 1000]), fullBytes), []);
  assert.deepEqual(chooseFiles(filesOf([500, 200], [500, 200], [500, 200]), fullBytes), [1, 2, 3]);
});
