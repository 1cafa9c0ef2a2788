import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { manualTime } from "../../agent/testing.ts";
import { createVolume, groupId, noise, owner, snapshotOf, write } from "../../storage/conformance/fixtures.ts";
import { openStorage } from "../../storage/open.ts";
import { createReadingThreads, type ReadingThreads } from "./reading-threads.ts";

const extentBytes = 256 * 1024;
const sizeBytes = 4 * extentBytes;
const content = Buffer.concat([noise(extentBytes, 1), Buffer.alloc(2 * extentBytes), noise(extentBytes, 2)]);

const setUp = async (context: TestContext) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-reading-"));
  const config = { kind: "extentstore", dir } as const;
  const storage = await openStorage(config);
  const volumeId = await createVolume(storage, { sizeBytes });
  await write(
    storage,
    volumeId,
    [0, content.subarray(0, extentBytes)],
    [3 * extentBytes, content.subarray(-extentBytes)],
  );
  await storage.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [volumeId] });
  const snapshotId = await snapshotOf(storage, groupId(1), volumeId);
  const all: ReadingThreads[] = [];
  context.after(async () => {
    for (const threads of all) await threads.close();
    await storage.close();
    await rm(dir, { recursive: true });
  });
  const threadsWith = (more: Partial<Parameters<typeof createReadingThreads>[0]> = {}) => {
    const threads = createReadingThreads({ storage: config, threads: 2, ...more });
    all.push(threads);
    return threads;
  };
  return { dir, storage, snapshotId, threadsWith };
};

describe("threads that read snapshots", () => {
  test("read what is there, say what is a hole, and each holds several readers", async (context) => {
    const { storage, snapshotId, threadsWith } = await setUp(context);
    const threads = threadsWith();
    const readers = await Promise.all(["a", "b", "c"].map(() => threads.open(storage, snapshotId)));
    for (const reader of readers) {
      assert.equal(reader.sizeBytes, sizeBytes);
      for (const [offset, length] of [
        [100, 5],
        [0, sizeBytes],
        [3 * extentBytes - 10, 20],
      ] as const) {
        const into = Buffer.alloc(length);
        await reader.read(offset, into);
        assert(into.equals(content.subarray(offset, offset + length)));
      }
      const map = await reader.extentMap();
      assert.deepEqual(
        map?.map((token) => token === null),
        [false, true, true, false],
      );
      assert.equal((await reader.extentBlocks(0))?.hashes.length, 4 * 16);
    }
    for (const reader of readers) await reader.close();
    const again = await threads.open(storage, snapshotId);
    await again.read(0, Buffer.alloc(1));
    await again.close();
  });

  test("say what is damaged as the storage does, and go on", async (context) => {
    const { dir, storage, snapshotId, threadsWith } = await setUp(context);
    const reader = await threadsWith().open(storage, snapshotId);
    const [file] = await readdir(join(dir, "data"));
    await writeFile(join(dir, "data", file ?? ""), Buffer.alloc(sizeBytes, 7));
    await assert.rejects(reader.read(0, Buffer.alloc(10)), { code: "STORE_CORRUPT", message: /extent 0, block 0/ });
    const hole = Buffer.alloc(10, 1);
    await reader.read(extentBytes, hole);
    assert.deepEqual(hole, Buffer.alloc(10));
    await assert.rejects(threadsWith().open(storage, "no such snapshot"), { code: "SNAPSHOT_UNKNOWN" });
    await reader.close();
  });

  test("that were stopped fail what waits for them, and others take their place", async (context) => {
    const { storage, snapshotId, threadsWith } = await setUp(context);
    const threads = threadsWith();
    const reader = await threads.open(storage, snapshotId);
    const reading = assert.rejects(reader.read(0, Buffer.alloc(10)), { code: "INTERNAL" });
    await threads.close();
    await reading;
    await assert.rejects(reader.read(0, Buffer.alloc(10)), { code: "INTERNAL" });
    await reader.close();
    const another = await threads.open(storage, snapshotId);
    await another.read(0, Buffer.alloc(10));
    await another.close();
  });

  test("that stand still are given up: whoever waits is told, and another has their place", async (context) => {
    const { dir, storage, snapshotId, threadsWith } = await setUp(context);
    const time = manualTime();
    // A thread that hangs in its first breath.
    const script = join(dir, "hangs.mjs");
    await writeFile(script, "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);");
    const hanging = threadsWith({ time, script: new URL(`file://${script}`) });
    const opening = assert.rejects(hanging.open(storage, snapshotId), { code: "TIMEOUT" });
    await time.advance(61_000);
    await opening;
  });
});
