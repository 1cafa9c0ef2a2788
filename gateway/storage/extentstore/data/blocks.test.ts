import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import zstd from "zstd-napi/binding.js";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import { blockHash, zeroBlockHash } from "../../block-hash.ts";
import { noise } from "../../conformance/fixtures.ts";
import { StoredBlocks } from "../../stored-blocks.ts";
import { type BlockLocation, BlockTable, BlockTableDamaged } from "./blocks.ts";
import { compressBlock, compressedBytesMax, restoreBlock } from "./codec.ts";

const storedHash = fc.uint8Array({ minLength: 16, maxLength: 16 });
const storedBlock = fc.record<BlockLocation>({
  fileId: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  offset: fc.nat(2 ** 50),
  storedBytes: fc.integer({ min: 1, max: blockBytes }),
  hash: storedHash,
});

test("a block table is the same after packing and unpacking, and a flipped bit in it is found", () => {
  fc.assert(
    fc.property(fc.array(fc.option(storedBlock), { minLength: 1, maxLength: 8 }), fc.nat(), (blocks, at) => {
      const table = BlockTable.holes(blocks.length);
      for (const [index, block] of blocks.entries()) if (block !== null) table.set(index, block);
      const packed = table.pack();
      const again = BlockTable.unpack(packed);
      for (const [index, block] of blocks.entries()) {
        assert.equal(again.isHole(index), block === null);
        if (block === null) continue;
        const { fileId, offset, storedBytes, hash } = block;
        assert.deepEqual(
          [again.fileId(index), again.offset(index), again.storedBytes(index), Buffer.from(again.hash(index))],
          [fileId, offset, storedBytes, Buffer.from(hash)],
        );
      }
      const damaged = packed.slice();
      const byte = at % damaged.byteLength;
      damaged[byte] = (damaged[byte] ?? 0) ^ 1;
      assert.throws(() => BlockTable.unpack(damaged), BlockTableDamaged);
    }),
  );
});

test("a run of blocks is what its blocks are one by one, and touches no others", () => {
  const run = fc.record({
    block: fc.nat(4),
    fileId: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    offset: fc.oneof(fc.nat(2 ** 50), fc.constantFrom(2 ** 32 - 1, 2 ** 32)),
    blocks: fc.array(fc.record({ bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }), hash: storedHash }), {
      maxLength: 4,
    }),
  });
  fc.assert(
    fc.property(fc.array(storedBlock, { minLength: 8, maxLength: 8 }), run, (before, { block, blocks, ...where }) => {
      const tables = [BlockTable.holes(8), BlockTable.holes(8)] as const;
      for (const table of tables) for (const [index, stored] of before.entries()) table.set(index, stored);
      const [atOnce, oneByOne] = tables;
      // A table that begins anywhere in its memory.
      const { table, bytes } = StoredBlocks.of(blocks);
      const moved = new Uint8Array(table.length + 3).subarray(3);
      moved.set(table);
      atOnce.setRange(block, { ...where, stored: new StoredBlocks(moved, bytes) });
      let { offset } = where;
      for (const [index, { bytes: stored, hash }] of blocks.entries()) {
        oneByOne.set(block + index, { fileId: where.fileId, offset, storedBytes: stored.length, hash });
        offset += stored.length;
      }
      assert.deepEqual(atOnce.pack(), oneByOne.pack());
    }),
  );
});

test("blocks come back as they were stored, those that don't compress too, and others are refused", () => {
  const stored = Buffer.alloc(compressedBytesMax);
  const restored = Buffer.alloc(blockBytes);
  for (const block of [noise(blockBytes, 1), noise(blockBytes, 2).fill(9, 100)]) {
    const length = compressBlock(block, stored);
    assert(length <= blockBytes);
    assert.equal(restoreBlock(stored.subarray(0, length), blockHash(block), restored), true);
    assert(restored.equals(block));
    assert.equal(restoreBlock(stored.subarray(0, length), zeroBlockHash, restored), false);
  }
});

test("a frame that holds more than a block is refused", () => {
  const bomb = Buffer.alloc(compressedBytesMax);
  const length = zstd.compress(bomb, Buffer.alloc(64 * 1024 * 1024), 1);
  assert.equal(restoreBlock(bomb.subarray(0, length), zeroBlockHash, Buffer.alloc(blockBytes)), false);
});
