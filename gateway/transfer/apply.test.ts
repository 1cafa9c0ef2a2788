import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { blockHash, zeroBlockHash } from "../storage/block-hash.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { MirrorExtentWriter } from "../storage/volume-io.ts";
import { createApply } from "./apply.ts";
import { BlockCompressor } from "./frame/content.ts";
import { FrameChunks } from "./frame/frame-chunks.ts";
import { watchOf } from "./testing/job-watch.ts";

const blocks = 4;
const watch = watchOf();
const job = {
  mirrorVolumeId: "m",
  epoch: 1,
  extent: 1,
  from: "base",
  sizeBytes: 8 * blockBytes,
  geometry: { extentBytes: blocks * blockBytes, stripeCount: 2, stripeBytes: 2 * blockBytes },
} as const;

/** A storage that remembers what it was asked to do, and reads back what it is told to. */
const recording = (readBack: readonly Uint8Array[]) => {
  const calls: string[] = [];
  const writer: MirrorExtentWriter = {
    write: async (offset, data) => void calls.push(`write ${offset / blockBytes} ${data[0]}×${data.length}`),
    zero: async (offset, length) => void calls.push(`zero ${offset / blockBytes} ${length / blockBytes}`),
    writeStored: undefined,
    readBase: async (_offset, into) => void into.fill(9),
    baseHashes: async () => assert.fail("nobody asks for them"),
    blockHashes: async () => Buffer.concat(readBack),
    commit: async () => void calls.push("commit"),
    discard: async () => void calls.push("discard"),
  };
  const openMirrorExtent: StorageDriver["openMirrorExtent"] = async ({ from }) => {
    calls.push(`from ${from}`);
    return writer;
  };
  const storage = { openMirrorExtent } as Partial<StorageDriver> as StorageDriver;
  return { apply: createApply(storage), calls };
};

const block = (fill: number) => new Uint8Array(blockBytes).fill(fill);
/** Block 0 of ones, block 1 and 2 of zeros, block 3 left alone. */
const frames = async function* (level: number | undefined) {
  const out = new FrameChunks(new BlockCompressor(), level);
  out.putContent(0, block(1));
  out.putZeros(blockBytes, 2 * blockBytes);
  out.putContent(3 * blockBytes + 4096, block(2).subarray(0, 8192));
  out.putEnd(Buffer.concat(hashes));
  yield out.take();
};
const hashes = [blockHash(block(1)), zeroBlockHash, zeroBlockHash, blockHash(block(7))];

describe("applying an extent's frames", () => {
  test("writes them where the extent's bytes lie in the volume, and commits what reads back right", async () => {
    for (const level of [undefined, 1]) {
      const { apply, calls } = recording(hashes);
      const { frames: count } = await apply(job, frames(level), watch);
      assert.equal(count, 4);
      // Extent 1 of two stripes of two blocks: blocks 2, 3, 6, 7 of the volume.
      assert.deepEqual(calls, ["from base", "write 2 1×65536", "zero 3 1", "zero 6 1", "write 7 9×65536", "commit"]);
    }
  });

  test("starts from zeros when it is told to", async () => {
    const { apply, calls } = recording(hashes);
    await apply({ ...job, from: "zeros" }, frames(1), watch);
    assert.deepEqual(calls.slice(0, 2), ["from zeros", "write 2 1×65536"]);
  });

  test("keeps the contents of extents apart that one thread works on at once", async () => {
    const written = new Map<number, Set<number>>();
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    const openMirrorExtent = async ({ extent }: { extent: number }): Promise<MirrorExtentWriter> => ({
      write: async (_offset, data) => {
        written.set(extent, new Set([...(written.get(extent) ?? []), ...data]));
        await turn();
      },
      zero: turn,
      writeStored: undefined,
      readBase: async (_offset, into) => {
        await turn();
        into.fill(extent);
      },
      baseHashes: async () => assert.fail("nobody asks for them"),
      blockHashes: async () => blockHash(block(0)),
      commit: turn,
      discard: turn,
    });
    const apply = createApply({ openMirrorExtent } as unknown as StorageDriver);
    const parts = async function* (fill: number) {
      const out = new FrameChunks(new BlockCompressor(), 1);
      for (let at = 0; at < blocks; at++) out.putContent(at * blockBytes + 4096, block(fill).subarray(0, 8192));
      out.putEnd(blockHash(block(0)));
      yield out.take();
    };
    const apart = {
      ...job,
      geometry: { extentBytes: blocks * blockBytes, stripeCount: 1, stripeBytes: blocks * blockBytes },
    };
    await Promise.all([0, 1].map((extent) => apply({ ...apart, extent }, parts(10 + extent), watch)));
    assert.deepEqual(written, new Map([0, 1].map((extent) => [extent, new Set([extent, 10 + extent])])));
  });

  test("commits nothing when the storage reads back something else", async () => {
    const { apply, calls } = recording(hashes.with(2, blockHash(block(5))));
    await assert.rejects(apply(job, frames(1), watch), (error: unknown) => VisibleError.is(error, "CHECKSUM_MISMATCH"));
    assert.equal(calls.at(-1), "discard");
    assert.ok(!calls.includes("commit"));
  });

  test("commits nothing when the body breaks off, or the work is called off", async () => {
    const { apply, calls } = recording(hashes);
    async function* breaking() {
      for await (const chunk of frames(1)) yield chunk.slice(0, -1);
    }
    await assert.rejects(apply(job, breaking(), watch), (error: unknown) => VisibleError.is(error, "FRAME_INVALID"));
    await assert.rejects(apply(job, frames(1), watchOf(AbortSignal.abort(new Error("off")))), /off/);
    assert.ok(!calls.includes("commit"));
    assert.equal(calls.filter((call) => call === "discard").length, 2);
  });
});
