import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes, blocksOf } from "../nbd/testing.ts";
import { plain } from "../storage/conformance/fixtures.ts";
import { openSnapshotReader, type SnapshotSource } from "../storage/snapshot-reader.ts";
import { SharedReader } from "./shared-reader.ts";

const content = blocksOf("abcdef");

/** A storage whose readers take one call after the other, and whose reads wait for `gate`. */
const setUp = async () => {
  const seen = { opened: 0, reads: 0, atOnce: 0, mostAtOnce: 0, closed: 0 };
  const hooks = { gate: async () => undefined as unknown };
  const storage = {
    openSnapshot: async () => ({ snapshotId: "s", sizeBytes: content.length, geometry: plain }),
    closeSnapshot: async () => void seen.closed++,
    readSnapshot: async () => {
      let isAtWork = false;
      seen.opened++;
      return {
        sizeBytes: content.length,
        geometry: plain,
        read: async (offset: number, into: Uint8Array) => {
          assert(!isAtWork, "a reader is asked while it is at work");
          isAtWork = true;
          seen.reads++;
          seen.mostAtOnce = Math.max(seen.mostAtOnce, ++seen.atOnce);
          try {
            await hooks.gate();
            into.set(content.subarray(offset, offset + into.length));
          } finally {
            isAtWork = false;
            seen.atOnce--;
          }
        },
        extentMap: async () => undefined,
        extentBlocks: async () => undefined,
        extentDigests: async () => undefined,
        close: async () => undefined,
      };
    },
  } as unknown as SnapshotSource;
  const reader = await SharedReader.open(() => openSnapshotReader(storage, "s"));
  const read = async (offset: number, length: number) => {
    const into = Buffer.alloc(length);
    await reader.read(offset, into);
    return into;
  };
  return { seen, hooks, reader, read };
};

describe("a reader for many", () => {
  test("asks several readers at once, and none of them twice at once", async () => {
    const { seen, read, reader, hooks } = await setUp();
    hooks.gate = () => new Promise((resolve) => setImmediate(resolve));
    const all = await Promise.all(Array.from({ length: 20 }, (_, at) => read((at % 5) * blockBytes, blockBytes)));
    for (const [at, bytes] of all.entries()) assert.deepEqual(bytes, blocksOf("abcde"[at % 5] ?? ""));
    assert.deepEqual([seen.reads, seen.mostAtOnce, seen.opened], [20, 4, 4]);
    await reader.close();
    assert.equal(seen.closed, 4);
  });

  test("has a block read once for all that read small pieces of it", async () => {
    const { seen, read } = await setUp();
    await Promise.all(Array.from({ length: 16 }, (_, at) => read(at * 4096, 4096)));
    assert.equal(seen.reads, 1);
    assert.equal((await read(blockBytes - 1, 2)).toString(), "ab");
    assert.equal(seen.reads, 2);
  });

  test("asks again for what could not be read, and another reader in the place of one that hangs", async () => {
    const { seen, hooks, read } = await setUp();
    for (const code of ["STORE_CORRUPT", "TIMEOUT", "INTERNAL"] as const) {
      hooks.gate = () => Promise.reject(new VisibleError(code, "no"));
      await assert.rejects(read(3, 4), { code });
    }
    assert.equal(seen.opened, 2);
    hooks.gate = async () => undefined;
    assert.equal((await read(3, 4)).toString(), "aaaa");
    assert.deepEqual([seen.opened, seen.closed], [3, 2]);
  });
});
