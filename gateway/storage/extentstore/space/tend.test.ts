import assert from "node:assert/strict";
import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { manualTime } from "../../../agent/testing.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  readSnapshot,
  readVolume,
  rejects,
  snapshotOf,
  write,
} from "../../conformance/fixtures.ts";
import { dataFilePath } from "../data/data-file.ts";
import { idleMs } from "../data/idle.ts";
import { ExtentStore } from "../extentstore.ts";
import { checkConsistency } from "../testing/consistency.ts";
import { FaultyDisk, systemError } from "../testing/faulty-disk.ts";
import { memoryDir } from "../testing/memory-dir.ts";
import { dataFileSizes, handlesIn, inspectSpace, sum, waitedTime } from "../testing/space.ts";
import { tendedBytesPerSecond } from "./tend.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

describe("tending a store", () => {
  let dir: string;
  let time: ReturnType<typeof manualTime>;
  let disk: FaultyDisk;
  let store: ExtentStore;
  const open = () => ExtentStore.open(dir, { disk, time, dataFileBytes: 16 * MiB, openFiles: 6 });

  beforeEach(async () => {
    dir = await memoryDir("extentstore-tend");
    time = manualTime();
    disk = new FaultyDisk();
    store = await open();
  });
  afterEach(async () => {
    await store.close();
    checkConsistency(dir);
    await rm(dir, { recursive: true });
  });

  const ratio = () => sum(dataFileSizes(dir)) / inspectSpace(dir).liveBytes;

  /**
   * A volume of 1 MiB of which a quarter was written over: a fifth of its two data files is dead.
   */
  const wastefulVolume = async (name: string, seed = 1) => {
    const id = await createVolume(store, { name });
    await write(store, id, [0, noise(MiB, seed)]);
    await write(store, id, [256 * KiB, noise(256 * KiB, seed + 1)]);
    const content = noise(MiB, seed);
    noise(256 * KiB, seed + 1).copy(content, 256 * KiB);
    return { id, content };
  };

  test("gives back what is dead in part, puts small files together, and takes its time", async () => {
    const volumes = [await wastefulVolume("one", 1), await wastefulVolume("two", 3)];
    assert.equal(ratio(), 1.25);
    const waited = waitedTime();
    await store.tend({ time: waited });
    assert.equal(ratio(), 1);
    assert.equal(dataFileSizes(dir).length, 2, "of four");
    // What is dead in a file is not copied.
    assert(waited.waitedMs() >= ((2 * MiB) / tendedBytesPerSecond) * 1000, `${waited.waitedMs()} ms`);
    for (const { id, content } of volumes) assert((await readVolume(store, id)).equals(content));
  });

  test("has nothing to do the next time", async () => {
    await wastefulVolume("one");
    await store.tend({ time: waitedTime() });
    const before = dataFileSizes(dir);
    const waited = waitedTime();
    await store.tend({ time: waited });
    assert.deepEqual([dataFileSizes(dir), waited.waitedMs() < 1], [before, true]);
  });

  test("leaves what is dead in part while somebody writes, in whatever store, and gives back what is mostly dead", async () => {
    const { id } = await wastefulVolume("one");
    const other = await open();
    const mostlyDead = await createVolume(other, { name: "mostly dead" });
    const handle = await other.openVolume(mostlyDead, "write");
    await handle.write(0, noise(MiB, 5));
    await handle.flush();
    await handle.close();
    await write(other, mostlyDead, [64 * KiB, noise(15 * 64 * KiB, 6)]);
    const still = await other.openVolume(mostlyDead, "write");
    await still.write(0, noise(64 * KiB, 7));
    const before = dataFileSizes(dir);
    assert.deepEqual(before, [MiB, 256 * KiB, MiB, 15 * 64 * KiB, 0]);
    await store.tend({ time: waitedTime() });
    assert.deepEqual(dataFileSizes(dir), [MiB, 256 * KiB, 15 * 64 * KiB, 0, 64 * KiB]);
    await still.close();
    await store.tend({ time: waitedTime() });
    assert(ratio() < 1.12, `${ratio()}`);
    assert((await readVolume(store, id)).subarray(0, 256 * KiB).equals(noise(MiB, 1).subarray(0, 256 * KiB)));
    await other.close();
  });

  test("one store does it at a time", async () => {
    await wastefulVolume("one");
    const other = await open();
    let others = 0;
    const meanwhile = async () => {
      others++;
      const waited = waitedTime();
      await other.tend({ time: waited });
      assert.equal(waited.waitedMs(), 0);
    };
    await store.tend({ time: waitedTime(meanwhile) });
    assert(others > 0);
    assert.equal(ratio(), 1);
    await other.close();
  });

  test("called off anywhere it leaves everything readable, and the next one goes on", async () => {
    const { id, content } = await wastefulVolume("one");
    await store.snapshotGroup({ owner, groupId: groupId(1), volumeIds: [id] });
    let cuts = 0;
    for (let over = false; !over; cuts++) {
      const stop = new AbortController();
      let pieces = 0;
      const meanwhile = async () => {
        if (pieces++ === cuts) stop.abort();
      };
      await store.tend({ time: waitedTime(meanwhile) }, { signal: stop.signal });
      over = !stop.signal.aborted;
      assert((await readVolume(store, id)).equals(content));
      if (over) break;
      // It died there, for all that the next one knows.
      await store.close();
      checkConsistency(dir);
      store = await open();
    }
    assert(cuts > 3);
    assert.equal(ratio(), 1);
    assert((await readSnapshot(store, await snapshotOf(store, groupId(1), id))).equals(content));
  });

  test("whoever writes, snapshots and deletes meanwhile finds everything as it was", async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const { id, content } = await wastefulVolume(`volume ${seed}`, seed * 10);
      await store.snapshotGroup({ owner, groupId: groupId(seed * 100), volumeIds: [id] });
      const before = Buffer.from(content);
      const other = await open();
      let turn = 0;
      const meanwhile = async () => {
        const offset = ((turn * 7 + seed) % 16) * 64 * KiB;
        const data = noise(64 * KiB, seed * 1000 + turn);
        await write(other, id, [offset, data]);
        data.copy(content, offset);
        if (turn % 3 === 0)
          await other.snapshotGroup({ owner, groupId: groupId(seed * 100 + turn + 1), volumeIds: [id] });
        if (turn % 3 === 2) await other.deleteGroup({ owner, groupId: groupId(seed * 100 + turn - 1) });
        turn++;
      };
      await store.tend({ time: waitedTime(meanwhile) });
      assert(turn > 3);
      assert((await readVolume(store, id)).equals(content));
      assert((await readSnapshot(store, await snapshotOf(store, groupId(seed * 100), id))).equals(before));
      await other.close();
      await store.tend({ time: waitedTime() });
      assert(ratio() < 1.12, `${ratio()}`);
      assert((await readVolume(store, id)).equals(content));
    }
  });

  test("blocks that come to another version while it is being looked where they are stay where they are", async () => {
    for (let at = 0; at < 14; at++) {
      const { id, content } = await wastefulVolume(`volume ${at}`, 10 * at);
      // The volume's extents are copied on write, and nobody else has them.
      await store.snapshotGroup({ owner, groupId: groupId(at), volumeIds: [id] });
      await store.deleteGroup({ owner, groupId: groupId(at) });
      const other = await open();
      let pieces = 0;
      const meanwhile = async () => {
        if (pieces++ !== at) return;
        for (let extent = 0; extent < 4; extent++) {
          const offset = (extent * 4 + 3) * 64 * KiB;
          const data = noise(64 * KiB, 1000 * at + extent);
          await write(other, id, [offset, data]);
          data.copy(content, offset);
        }
      };
      await store.tend({ time: waitedTime(meanwhile) });
      assert((await readVolume(store, id)).equals(content), `after ${at} pieces`);
      await other.close();
      await store.deleteVolume(id);
    }
  });

  test("a damaged file is left to those who read it, and the others are dealt with", async () => {
    const damaged = await wastefulVolume("damaged", 1);
    const path = dataFilePath(join(dir, "data"), 1);
    const whole = await readFile(path);
    await truncate(path, 900 * KiB);
    const { id, content } = await wastefulVolume("sound", 3);
    await store.tend({ time: waitedTime() });
    assert(dataFileSizes(dir).includes(900 * KiB));
    assert((await readVolume(store, id)).equals(content));
    await rejects(readVolume(store, damaged.id), "STORE_CORRUPT");
    const waited = waitedTime();
    await store.tend({ time: waited });
    assert(waited.waitedMs() < 1, "it is not to be tried again and again");
    await writeFile(path, whole);
    // Then it is looked whether what is damaged is still.
    await store.close();
    store = await open();
  });

  test("a disk that fails is told of, and nothing is lost", async () => {
    const { id, content } = await wastefulVolume("one");
    for (const fault of ["open", "create", "write", "sync", "syncFolder", "remove"] as const) {
      disk.fails = (call) => (call === fault ? systemError("EIO", call) : undefined);
      await rejects(store.tend({ time: waitedTime() }), "DISK_FAILED");
      disk.fails = () => undefined;
      assert((await readVolume(store, id)).equals(content));
    }
    await store.tend({ time: waitedTime() });
    assert.equal(ratio(), 1);
    assert((await readVolume(store, id)).equals(content));
    disk.fails = (call) => (call === "syncFolder" ? systemError("EIO", call) : undefined);
    await rejects(open(), "DISK_FAILED");
    disk.fails = () => undefined;
  });

  test("a file that another store has been reading is closed there when nobody reads it any more", async () => {
    const { id, content } = await wastefulVolume("one");
    const other = await open();
    const reader = await other.openVolume(id, "read");
    const into = Buffer.alloc(MiB);
    await reader.read(0, into);
    await store.tend({ time: waitedTime() });
    assert.equal(handlesIn(dir), 2, "two that are not there any more");
    await time.advance(2 * idleMs);
    assert.equal(handlesIn(dir), 0);
    await reader.read(0, into);
    assert(into.equals(content));
    await reader.close();
    await other.close();
  });
});
