import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import zstd from "zstd-napi/binding.js";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash, zeroBlockHash } from "../../block-hash.ts";
import { noise } from "../conformance/fixtures.ts";
import { BlockTable, BlockTableDamaged, type StoredBlock } from "./blocks.ts";
import { compressBlock, compressedBytesMax, restoreBlock } from "./codec.ts";

const storedBlock = fc.record<StoredBlock>({
  fileId: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  offset: fc.nat(2 ** 50),
  storedBytes: fc.integer({ min: 1, max: blockBytes }),
  hash: fc.uint8Array({ minLength: 16, maxLength: 16 }),
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
