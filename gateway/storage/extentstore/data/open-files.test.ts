import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, test } from "node:test";
import { manualTime } from "../../../agent/testing.ts";
import {
  createVolume,
  noise,
  openMirror,
  prepareMirror,
  readVolume,
  sourceObject,
  write,
} from "../../conformance/fixtures.ts";
import { ExtentStore } from "../extentstore.ts";
import { checkConsistency } from "../testing/consistency.ts";
import { FaultyDisk, systemError } from "../testing/faulty-disk.ts";
import { memoryDir } from "../testing/memory-dir.ts";
import { dataFileSizes, handlesIn, inspectSpace } from "../testing/space.ts";
import { idleMs } from "./idle.ts";

const KiB = 1024;

describe("the data files that a store has open", () => {
  let dir: string;
  let time: ReturnType<typeof manualTime>;
  let store: ExtentStore;
  const openFiles = 6;

  beforeEach(async () => {
    dir = await memoryDir("extentstore-open");
    time = manualTime();
    store = await ExtentStore.open(dir, { time, openFiles });
  });
  afterEach(async () => {
    await store.close();
    checkConsistency(dir);
    await rm(dir, { recursive: true });
  });

  const beginExtent = async (lunId: number) => {
    const mirror = await prepareMirror(store, sourceObject({ lunId }));
    const { epoch } = await openMirror(store, mirror, { group: 1 });
    const writer = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 });
    await writer.write(0, noise(256 * KiB, lunId));
    return { mirror, writer };
  };
  const assertContent = async (mirror: string, seed: number) =>
    assert((await readVolume(store, mirror)).subarray(0, 256 * KiB).equals(noise(256 * KiB, seed)));

  test("are few, however many volumes are written at once, and however many one after the other", async () => {
    const extents = [];
    for (let lunId = 0; lunId < 20; lunId++) extents.push(await beginExtent(lunId));
    assert(handlesIn(dir) <= openFiles, `${handlesIn(dir)} handles`);
    for (const { writer } of extents) await writer.commit();
    for (let lunId = 20; lunId < 40; lunId++) {
      const one = await beginExtent(lunId);
      await one.writer.commit();
      extents.push(one);
    }
    assert.equal(dataFileSizes(dir).length, 2, "nothing was full yet");
    for (const [lunId, { mirror }] of extents.entries()) await assertContent(mirror, lunId);
    assert(handlesIn(dir) <= openFiles, `${handlesIn(dir)} handles`);
  });

  test("are gone on with when they are idle, rather than shared", async () => {
    const inUse = await beginExtent(1);
    const idle = await beginExtent(2);
    await idle.writer.commit();
    const next = await beginExtent(3);
    await next.writer.commit();
    assert.deepEqual(dataFileSizes(dir), [0, 512 * KiB]);
    await inUse.writer.commit();
  });

  test("are given up when nothing was written to them for a while, and not while somebody has writes in them", async () => {
    const [first, second] = [await beginExtent(1), await beginExtent(2)];
    await first.writer.commit();
    await time.advance(2 * idleMs);
    assert.equal(inspectSpace(dir).openFiles, 1, "the one that is still written");
    await second.writer.commit();
    assert.equal(inspectSpace(dir).openFiles, 1);
    await time.advance(2 * idleMs);
    assert.deepEqual([inspectSpace(dir).openFiles, handlesIn(dir)], [0, 0]);
    await assertContent(first.mirror, 1);
    await assertContent(second.mirror, 2);
  });

  test("are given up also when the disk complains as each is closed, and what they hold is there", async () => {
    const disk = new FaultyDisk();
    const otherDir = await memoryDir("extentstore-close");
    const other = await ExtentStore.open(otherDir, { time, disk });
    disk.fails = (call) => (call === "close" ? systemError("EIO", "close") : undefined);
    const id = await createVolume(other);
    await write(other, id, [0, noise(256 * KiB, 1)]);
    assert((await readVolume(other, id)).subarray(0, 256 * KiB).equals(noise(256 * KiB, 1)));
    await time.advance(2 * idleMs);
    assert.deepEqual([inspectSpace(otherDir).openFiles, handlesIn(otherDir)], [0, 0]);
    assert((await readVolume(other, id)).subarray(0, 256 * KiB).equals(noise(256 * KiB, 1)));
    await other.close();
    checkConsistency(otherDir);
    await rm(otherDir, { recursive: true });
  });

  test("are few, however many are read", async () => {
    const volumes: string[] = [];
    for (let n = 0; n < 20; n++) {
      volumes.push(await createVolume(store, { name: `volume ${n}` }));
      await write(store, volumes[n] ?? "", [0, noise(256 * KiB, n)]);
    }
    assert.equal(dataFileSizes(dir).length, 20);
    const readers = await Promise.all(volumes.map((id) => store.openVolume(id, "read")));
    const into = Buffer.alloc(256 * KiB);
    for (let round = 0; round < 2; round++) {
      for (const [n, reader] of readers.entries()) {
        await reader.read(0, into);
        assert(into.equals(noise(256 * KiB, n)));
        assert(handlesIn(dir) <= openFiles, `${handlesIn(dir)} handles`);
      }
    }
  });
});
