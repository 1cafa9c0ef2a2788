import assert from "node:assert/strict";
import { test } from "node:test";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { PartialBlock } from "./partial-block.ts";

const grain = (fill: number) => new Uint8Array(4096).fill(fill);

/**
 * A partial block over a base of nines, or over none, and what it has written: the
 * first byte of each grain.
 */
const recording = (hasBase: boolean) => {
  const written: { block: number; grains: string }[] = [];
  const base = { bytes: async (_offset: number, length: number) => new Uint8Array(length).fill(9) };
  const partial = new PartialBlock(hasBase ? base : undefined, async (offset, content) => {
    assert.equal(content.length, blockBytes);
    const grains = Array.from({ length: 16 }, (_, index) => content[index * 4096]).join("");
    written.push({ block: offset / blockBytes, grains });
  });
  return { partial, written };
};

test("parts of a block are written once, among what was there before", async () => {
  const { partial, written } = recording(true);
  await partial.open(0);
  partial.put(4096, grain(1));
  await partial.open(0);
  partial.put(15 * 4096, grain(2));
  assert.throws(() => partial.put(blockBytes, grain(2)), /another block/);
  assert.deepEqual(written, []);
  await partial.open(3);
  partial.put(3 * blockBytes, grain(3));
  assert.deepEqual(written, [{ block: 0, grains: "9199999999999992" }]);
  await partial.flush();
  await partial.flush();
  assert.deepEqual(written.slice(1), [{ block: 3, grains: "3999999999999999" }]);
});

test("parts of a block where nothing was are among zeros, and not among what came before them", async () => {
  const { partial, written } = recording(false);
  await partial.open(0);
  partial.put(0, grain(1));
  await partial.open(1);
  partial.put(blockBytes + 4096, grain(2));
  await partial.flush();
  assert.deepEqual(written, [
    { block: 0, grains: "1000000000000000" },
    { block: 1, grains: "0200000000000000" },
  ]);
});
