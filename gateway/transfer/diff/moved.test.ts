import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { zeroHashes } from "../../storage/block-hash.ts";
import { noise } from "../../storage/conformance/fixtures.ts";
import { grainBytes } from "../frame/frame.ts";
import { BlockCache } from "./block-cache.ts";
import { MovedContent } from "./moved.ts";

const blockCount = 256;
const extentBytes = blockCount * blockBytes;
const whole = [{ offset: 0, length: blockBytes }];

/** The base of an extent, and how many of its blocks have been read. */
const baseOf = (content: Uint8Array) => {
  const read = new Set<number>();
  const cache = new BlockCache({
    extentBytes,
    unitBytes: blockBytes,
    read: async (offset, into) => {
      read.add(offset / blockBytes);
      into.set(content.subarray(offset, offset + into.length));
    },
  });
  return { read, source: { extentBytes, blockCount, cache, blocks: undefined, hashes: zeroHashes(blockCount) } };
};

/** Where the grains of an extent that is different all over are found in its base. */
const findAll = async (was: Uint8Array, is: Uint8Array) => {
  const { read, source } = baseOf(was);
  const moved = new MovedContent(source);
  moved.add(Array.from({ length: blockCount }, (_, block) => block));
  const found: (number | undefined)[] = [];
  for (let block = 0; block < blockCount; block++) {
    const content = is.subarray(block * blockBytes, (block + 1) * blockBytes);
    const asked = await moved.isWorthAsking(content, whole);
    const before = found.length;
    for (let at = 0; at < blockBytes; at += grainBytes) {
      found.push(asked ? await moved.find(block * blockBytes + at, content, at) : undefined);
    }
    if (asked && found.slice(before).every((from) => from === undefined)) moved.lose();
  }
  return { found, read };
};

describe("content that has moved inside an extent", () => {
  const was = noise(extentBytes, 1);

  test("is found grain by grain, but for less than 512 KiB before the first find", async () => {
    const shiftGrains = 37;
    const is = Buffer.concat([noise(shiftGrains * grainBytes, 2), was]).subarray(0, extentBytes);
    const { found } = await findAll(was, is);
    const missed = found.slice(shiftGrains).filter((from) => from === undefined).length;
    assert.ok(missed * grainBytes < 512 * 1024, `${missed} grains were not found`);
    for (const [grain, from] of found.entries()) {
      if (from !== undefined) assert.equal(from, (grain - shiftGrains) * grainBytes);
    }
  });

  test("is found when it moved back, and when another move follows", async () => {
    const [a, b, c] = [was.subarray(0, 4 << 20), was.subarray(4 << 20, 9 << 20), was.subarray(9 << 20)];
    const is = Buffer.concat([c.subarray(0, 3 << 20), b, noise(300 * 4096, 3), a, c.subarray(3 << 20)]).subarray(
      0,
      extentBytes,
    );
    const { found } = await findAll(was, is);
    const right = (from: number | undefined, grain: number) =>
      from === undefined ||
      was.compare(is, grain * grainBytes, (grain + 1) * grainBytes, from, from + grainBytes) === 0;
    assert.ok(found.every(right));
    const missed = found.filter((from) => from === undefined).length - 300;
    assert.ok(missed * grainBytes < 1024 * 1024, `${missed} grains were not found`);
  });

  test("costs an eighth of the base where nothing has moved", async () => {
    const { found, read } = await findAll(was, noise(extentBytes, 4));
    assert.ok(found.every((from) => from === undefined));
    assert.ok(read.size <= 32 + blockCount / 8, `${read.size} blocks were read`);
  });

  test("that is the same word all over is not taken for moved", async () => {
    const zeros = Buffer.alloc(extentBytes);
    const { found } = await findAll(
      Buffer.concat([zeros.subarray(0, extentBytes / 2), was]).subarray(0, extentBytes),
      zeros,
    );
    assert.ok(found.every((from) => from === undefined));
  });
});
