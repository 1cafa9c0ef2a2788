import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { compress } from "zstd-napi";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash } from "../../storage/block-hash.ts";
import { bombs, wideBlock } from "../../storage/testing-bombs.ts";
import { BlockCompressor, BlockDecompressor } from "./content.ts";

const damaged = (error: unknown) => VisibleError.is(error, "CHECKSUM_MISMATCH");
const frame = (stored: Uint8Array, content: Uint8Array, contentBytes = content.length) =>
  ({ type: "zstd", offset: 0, contentBytes, stored, hash: blockHash(content) }) as const;

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
        const back = decompressor.contentOf(frame(into.subarray(0, bytes), content), undefined);
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
    const other = { ...frame(stored, text), hash: blockHash(Buffer.from("another")) };
    assert.throws(() => new BlockDecompressor().contentOf(other, undefined), damaged);
    assert.throws(() => new BlockDecompressor().contentOf({ ...other, type: "raw", stored: text }, undefined), damaged);
  });

  test("that claims or has another length than its frame says is never decompressed beyond it", () => {
    const bomb = compress(Buffer.alloc(64 * 1024 * 1024));
    for (const stored of [bomb, compress(text.subarray(0, 4096)), text.subarray(0, 100), new Uint8Array(1)]) {
      assert.throws(() => new BlockDecompressor().contentOf(frame(stored, text), undefined), damaged);
    }
  });

  for (const [what, stored] of bombs) {
    test(`that is ${what} in a short frame is damaged, and never made`, () => {
      const before = process.memoryUsage().rss;
      for (let turn = 0; turn < 50; turn++) {
        const decompressor = new BlockDecompressor();
        const zeros = new Uint8Array(blockBytes);
        const whole = frame(stored, zeros);
        const delta = { ...whole, type: "delta", dictionary: { from: 0, bytes: blockBytes } } as const;
        assert.throws(() => decompressor.contentOf(whole, undefined), damaged);
        assert.throws(() => decompressor.contentOf(delta, zeros), damaged);
      }
      assert(process.memoryUsage().rss - before < 256 * 1024 * 1024);
    });
  }

  test("that declares a window of 3.75 TiB gets no more room than a block", () => {
    const before = process.memoryUsage().rss;
    const zeros = new Uint8Array(blockBytes);
    try {
      const content = new BlockDecompressor().contentOf(frame(wideBlock, zeros), undefined);
      assert.deepEqual(content, zeros);
    } catch (error) {
      assert(damaged(error), String(error));
    }
    assert(process.memoryUsage().rss - before < 256 * 1024 * 1024);
  });

  test("that changed a little comes back from a few bytes and what it was before, and from nothing else", () => {
    const before = randomBytes(96 * 1024);
    const now = Buffer.concat([before.subarray(7, 30_000), Buffer.from("inserted"), before.subarray(30_000)]);
    const content = now.subarray(0, blockBytes);
    for (const level of [1, 3]) {
      const stored = new BlockCompressor().compressDelta(content, before, level).slice();
      assert.ok(stored.length < 200, `${stored.length} bytes`);
      const dictionary = { from: 0, bytes: before.length };
      const delta = { ...frame(stored, content), type: "delta", dictionary } as const;
      const decompressor = new BlockDecompressor();
      assert.deepEqual(Buffer.from(decompressor.contentOf(delta, before)), content);
      assert.throws(() => decompressor.contentOf(delta, randomBytes(before.length)), damaged);
      assert.throws(() => decompressor.contentOf({ ...delta, type: "zstd" }, undefined), damaged);
    }
  });

  test("that is copied is checked like any other", () => {
    const copy = { type: "copy", offset: 0, from: 0, contentBytes: text.length, hash: blockHash(text) } as const;
    assert.deepEqual(Buffer.from(new BlockDecompressor().contentOf(copy, text)), text);
    assert.throws(() => new BlockDecompressor().contentOf(copy, randomBytes(text.length)), damaged);
  });
});
