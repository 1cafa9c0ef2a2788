import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { compress } from "zstd-napi";
import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { BlockCompressor, BlockDecompressor, blockHash, extentDigest } from "./content.ts";

const damaged = (error: unknown) => VisibleError.is(error, "CHECKSUM_MISMATCH");
const frame = (stored: Uint8Array, content: Uint8Array, contentBytes = content.length) =>
  ({ type: "zstd", offset: 0, contentBytes, stored, checksum: blockHash(content) }) as const;

describe("content", () => {
  const text = Buffer.alloc(blockBytes, "what compresses ");

  test("that compresses comes back from fewer bytes, at every level", () => {
    const compressor = new BlockCompressor();
    const decompressor = new BlockDecompressor();
    for (const level of [-7, -1, 1, 3, 19]) {
      for (const length of [4096, 20_480, blockBytes]) {
        const content = text.subarray(0, length);
        const into = new Uint8Array(blockBytes);
        const bytes = compressor.compress(content, into, level);
        assert.ok(bytes > 0 && bytes < 1000, `${bytes} bytes at level ${level}`);
        const back = decompressor.contentOf(frame(into.subarray(0, bytes), content));
        assert.deepEqual(Buffer.from(back), content);
      }
    }
  });

  test("that does not compress is left alone", () => {
    const into = new Uint8Array(blockBytes);
    assert.equal(new BlockCompressor().compress(randomBytes(blockBytes), into, 3), 0);
    assert.ok(into.every((byte) => byte === 0));
  });

  test("of another checksum is damaged", () => {
    const stored = compress(text);
    const other = { ...frame(stored, text), checksum: 1n };
    assert.throws(() => new BlockDecompressor().contentOf(other), damaged);
    assert.throws(() => new BlockDecompressor().contentOf({ ...other, type: "raw", stored: text }), damaged);
  });

  test("that claims or has another length than its frame says is never decompressed beyond it", () => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024));
    for (const stored of [bomb, compress(text.subarray(0, 4096)), text.subarray(0, 100), new Uint8Array(1)]) {
      assert.throws(() => new BlockDecompressor().contentOf(frame(stored, text)), damaged);
    }
  });

  test("of an extent is digested as SHA-256 of its little-endian block hashes", () => {
    const hashes = new BigUint64Array([1n, 0x0102030405060708n]);
    const bytes = Buffer.from("01000000000000000807060504030201", "hex");
    assert.deepEqual(Buffer.from(extentDigest(hashes)), createHash("sha256").update(bytes).digest());
  });
});
