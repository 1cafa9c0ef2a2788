import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
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
} from "../conformance/fixtures.ts";
import { openSnapshotReader } from "../snapshot-reader.ts";
import { Database } from "./database/database.ts";
import { ExtentStore } from "./extentstore.ts";
import { checkConsistency } from "./testing/consistency.ts";

const KiB = 1024;
const holder = new URL("testing/holder.ts", import.meta.url);
const sharer = new URL("testing/sharer.ts", import.meta.url);

const inStore = (title: string, body: (dir: string) => Promise<void>): void => {
  test(title, async () => {
    const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
    try {
      await body(dir);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
};

inStore("a writer in another process keeps others out until it dies, and what it didn't flush is gone", async (dir) => {
  const store = await ExtentStore.open(dir);
  const id = await createVolume(store);
  const child = fork(holder, [dir, id]);
  await once(child, "message");
  await rejects(store.openVolume(id, "write"), "VOLUME_BUSY");
  await rejects(store.deleteVolume(id), "VOLUME_BUSY");
  child.kill("SIGKILL");
  await once(child, "close");
  await write(store, id, [100, noise(1000, 1)]);
  const expected = Buffer.alloc(1024 * KiB);
  noise(1000, 1).copy(expected, 100);
  assert((await readVolume(store, id)).equals(expected));
  await store.close();
  await (await ExtentStore.open(dir)).close();
  checkConsistency(dir);
});

inStore("a writer in another thread keeps others out until it ends", async (dir) => {
  const store = await ExtentStore.open(dir);
  const id = await createVolume(store);
  const worker = new Worker(holder, { workerData: [dir, id] });
  await once(worker, "message");
  await rejects(store.openVolume(id, "write"), "VOLUME_BUSY");
  await worker.terminate();
  await (await store.openVolume(id, "write")).close();
  await store.close();
});

inStore("drivers that are open at once see each other's commits", async (dir) => {
  const [one, other] = [await ExtentStore.open(dir), await ExtentStore.open(dir)];
  const id = await createVolume(one);
  await write(other, id, [0, noise(300 * KiB, 1)]);
  await one.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const content = await readVolume(one, id);
  assert(content.subarray(0, 300 * KiB).equals(noise(300 * KiB, 1)));
  assert((await readSnapshot(other, await snapshotOf(other, groupId(1), id))).equals(content));
  const handle = await one.openVolume(id, "write");
  await rejects(other.openVolume(id, "write"), "VOLUME_BUSY");
  await handle.close();
  await one.close();
  await other.close();
});

inStore("readers and writers go on when another driver moves the blocks that they know of", async (dir) => {
  const [one, other] = [await ExtentStore.open(dir), await ExtentStore.open(dir)];
  const id = await createVolume(one, { sizeBytes: 4096 * KiB });
  await write(one, id, [0, noise(64 * KiB, 1)]);
  await write(one, id, [64 * KiB, noise(4032 * KiB, 2)]);
  await one.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  await write(one, id, [256 * KiB, noise(3840 * KiB, 3)]);
  await one.snapshotGroup({ groupId: groupId(2), owner, volumeIds: [id] });
  const expected = await readVolume(one, id);
  const reader = await openSnapshotReader(other, await snapshotOf(other, groupId(2), id));
  const into = Buffer.alloc(64 * KiB);
  await reader.read(0, into);
  const writer = await other.openVolume(id, "write");
  await writer.write(0, noise(64 * KiB, 4));
  await one.deleteGroup({ groupId: groupId(1), owner });
  assert.deepEqual(filesOf(dir), [1, 3, 5], "the second file was to be copied into a fifth");
  for (const offset of [0, 64 * KiB, 192 * KiB]) {
    await reader.read(offset, into);
    assert(into.equals(expected.subarray(offset, offset + 64 * KiB)));
  }
  await reader.close();
  await writer.close();
  noise(64 * KiB, 4).copy(expected);
  assert((await readVolume(one, id)).equals(expected));
  await one.close();
  await other.close();
  await (await ExtentStore.open(dir)).close();
  checkConsistency(dir);
});

inStore("processes that write, snapshot, read and delete at once don't disturb each other", async (dir) => {
  await (await ExtentStore.open(dir)).close();
  const sharers = [0, 1, 2].map((number) => fork(sharer, [dir, String(number)]));
  const exits = await Promise.all(sharers.map((child) => once(child, "close")));
  assert.deepEqual(
    exits,
    [0, 0, 0].map((code) => [code, null]),
  );
  await (await ExtentStore.open(dir)).close();
  checkConsistency(dir);
});

inStore("a data file that somebody still writes is left alone, however much of it is dead", async (dir) => {
  const [one, other] = [await ExtentStore.open(dir), await ExtentStore.open(dir)];
  const id = await createVolume(one);
  const handle = await one.openVolume(id, "write");
  for (const seed of [1, 2, 3]) {
    await handle.write(0, noise(1024 * KiB, seed));
    await handle.flush();
  }
  await handle.write(0, noise(512 * KiB, 4));
  await other.deleteGroup({ groupId: groupId(1), owner });
  await handle.close();
  const expected = noise(1024 * KiB, 3);
  noise(512 * KiB, 4).copy(expected);
  assert((await readVolume(other, id)).equals(expected));
  await other.deleteGroup({ groupId: groupId(1), owner });
  assert((await readVolume(one, id)).equals(expected));
  assert.deepEqual(filesOf(dir), [2], "the first file was to be copied into a second");
  await one.close();
  await other.close();
});

inStore("a reader of a snapshot that is deleted under it says so", async (dir) => {
  const store = await ExtentStore.open(dir);
  const id = await createVolume(store);
  await write(store, id, [0, noise(512 * KiB, 1)]);
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const reader = await openSnapshotReader(store, await snapshotOf(store, groupId(1), id));
  await store.deleteGroup({ groupId: groupId(1), owner });
  await rejects(reader.read(0, Buffer.alloc(10)), "SNAPSHOT_UNKNOWN");
  await reader.close();
  await store.close();
});

const filesOf = (dir: string): number[] => {
  const database = new Database(join(dir, "store.sqlite"));
  try {
    return database.all<{ id: number }>("SELECT id FROM files WHERE writer IS NULL ORDER BY id").map((row) => row.id);
  } finally {
    database.close();
  }
};

inStore("a snapshot that is gone is told before anybody reads a byte of it", async (dir) => {
  const store = await ExtentStore.open(dir);
  const id = await createVolume(store);
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const wanted = { snapshotId: await snapshotOf(store, groupId(1), id), of: { groupId: groupId(1), owner } };
  const handle = await store.openSnapshot(wanted);
  await store.closeSnapshot();
  await store.deleteGroup({ groupId: groupId(1), owner });
  await rejects(store.readSnapshot(handle), "SNAPSHOT_UNKNOWN");
  await store.close();
});
