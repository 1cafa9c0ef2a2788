import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import { blockHash } from "../../block-hash.ts";
import { bombs, wideBlock } from "../../testing-bombs.ts";
import { restoreBlock } from "./codec.ts";

const zeros = new Uint8Array(blockBytes);

describe("a stored block", () => {
  for (const [what, stored] of bombs) {
    test(`that is ${what} in a short frame is no block, and nothing behind its room is written`, () => {
      const room = new Uint8Array(2 * blockBytes).fill(7);
      assert.equal(restoreBlock(stored, blockHash(zeros), room.subarray(0, blockBytes)), false);
      assert(room.subarray(blockBytes).every((byte) => byte === 7));
    });
  }

  test("that declares a window of 3.75 TiB gets no more room than a block", () => {
    const before = process.memoryUsage().rss;
    restoreBlock(wideBlock, blockHash(zeros), new Uint8Array(blockBytes));
    assert(process.memoryUsage().rss - before < 256 * 1024 * 1024);
  });
});
