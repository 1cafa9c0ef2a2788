import assert from "node:assert/strict";
import fs, { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mock, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
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

const KiB = 1024;

const withStore = (title: string, body: (store: ExtentStore, dir: string) => Promise<void>): void => {
  test(title, async () => {
    const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
    const store = await ExtentStore.open(dir);
    try {
      await body(store, dir);
    } finally {
      await store.close();
      await rm(dir, { recursive: true });
    }
  });
};

const dataFiles = (dir: string): string[] => readdirSync(join(dir, "data")).map((name) => join(dir, "data", name));
const dataBytes = (dir: string): number => dataFiles(dir).reduce((sum, path) => sum + statSync(path).size, 0);
const onlyFile = (dir: string): string => {
  const [path, ...others] = dataFiles(dir);
  assert(path !== undefined && others.length === 0);
  return path;
};

withStore("a flipped byte anywhere in a data file is reported, with where it is", async (store, dir) => {
  const id = await createVolume(store);
  const half = noise(64 * KiB, 1).fill(7, 1000);
  await write(store, id, [256 * KiB, noise(64 * KiB, 2)], [320 * KiB, half]);
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const snapshotId = await snapshotOf(store, groupId(1), id);
  const path = onlyFile(dir);
  const bytes = readFileSync(path);
  assert(bytes.byteLength > 64 * KiB && bytes.byteLength < 128 * KiB);
  for (let at = 0; at < bytes.byteLength; at += 997) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 0x10;
    writeFileSync(path, flipped);
    const inSecond = at >= 64 * KiB;
    await assert.rejects(readSnapshot(store, snapshotId), (error) => {
      assert(VisibleError.is(error, "STORE_CORRUPT"));
      const where = inSecond
        ? `extent 1, block 1 of it, ${bytes.byteLength - 64 * KiB} bytes at ${64 * KiB} in ${path}`
        : `extent 1, block 0 of it, ${64 * KiB} bytes at 0 in ${path}`;
      assert(error.message.includes(where), error.message);
      assert(error.message.includes(snapshotId) && error.message.includes(id));
      return true;
    });
  }
  writeFileSync(path, bytes);
  await readSnapshot(store, snapshotId);
});

withStore("a data file that is cut short or gone is reported, and other volumes are still read", async (store, dir) => {
  const id = await createVolume(store, { name: "damaged" });
  await write(store, id, [0, noise(256 * KiB, 1)]);
  const path = onlyFile(dir);
  const whole = await createVolume(store, { name: "whole" });
  await write(store, whole, [0, noise(256 * KiB, 2)]);
  truncateSync(path, 200 * KiB);
  await rejects(readVolume(store, id), "STORE_CORRUPT");
  rmSync(path);
  await rejects(readVolume(store, id), "STORE_CORRUPT");
  assert((await readVolume(store, whole)).subarray(0, 256 * KiB).equals(noise(256 * KiB, 2)));
});

withStore("a block is read though what lies behind it is gone or unreadable", async (store, dir) => {
  const id = await createVolume(store);
  const content = noise(256 * KiB, 1);
  await write(store, id, [0, content]);
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const path = onlyFile(dir);
  const reader = await openSnapshotReader(store, await snapshotOf(store, groupId(1), id));
  const assertReadable = async (readable: number) => {
    const blocks = await reader.extentBlocks(0);
    const into = Buffer.alloc(64 * KiB);
    const names = (block: number) => (error: unknown) =>
      VisibleError.is(error, "STORE_CORRUPT") && error.message.includes(`block ${block} of it`);
    for (let block = 0; block < 4; block++) {
      if (block >= readable) assert.throws(() => blocks?.readContent(block, into), names(block));
      else {
        blocks?.readContent(block, into);
        assert(into.equals(content.subarray(block * 64 * KiB, (block + 1) * 64 * KiB)));
      }
    }
    assert.throws(() => blocks?.readStored(0, Buffer.alloc(256 * KiB)), names(readable));
  };
  // A sector of the third block.
  const { readSync } = fs;
  const badAt = 150 * KiB;
  mock.method(fs, "readSync", (fd: number, into: Uint8Array, at: number, length: number, offset: number) => {
    if (offset >= badAt) throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" });
    return readSync(fd, into, at, Math.min(length, badAt - offset), offset);
  });
  syncBuiltinESMExports();
  try {
    await assertReadable(2);
  } finally {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
  truncateSync(path, 200 * KiB);
  await assertReadable(3);
  await reader.close();
});

withStore("a damaged block table is reported", async (store, dir) => {
  const id = await createVolume(store);
  await write(store, id, [0, noise(256 * KiB, 1)]);
  const database = new Database(join(dir, "store.sqlite"));
  const blocks = database.one<{ blocks: Uint8Array }>("SELECT blocks FROM versions")?.blocks;
  assert(blocks !== undefined);
  blocks.fill(0, 0, 24);
  database.run("UPDATE versions SET blocks = ?", blocks);
  database.close();
  await rejects(readVolume(store, id), "STORE_CORRUPT");
});

withStore("snapshots cost what changed, and deleting one gives that back", async (store, dir) => {
  const id = await createVolume(store, { sizeBytes: 4096 * KiB });
  const volumeIds = [id];
  await write(store, id, [0, noise(4096 * KiB, 1)]);
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds });
  assert.equal(dataBytes(dir), 4096 * KiB);
  await write(store, id, [64 * KiB, noise(64 * KiB, 2)]);
  await store.snapshotGroup({ groupId: groupId(2), owner, volumeIds });
  assert.equal(dataBytes(dir), (4096 + 64) * KiB);
  await write(store, id, [0, noise(4096 * KiB, 3)]);
  assert.equal(dataBytes(dir), (2 * 4096 + 64) * KiB);
  await store.deleteGroup({ groupId: groupId(1), owner });
  await store.deleteGroup({ groupId: groupId(2), owner });
  assert.equal(dataBytes(dir), 4096 * KiB);
  assert((await readVolume(store, id)).equals(noise(4096 * KiB, 3)));
  await store.deleteVolume(id);
  assert.deepEqual(dataFiles(dir), []);
});

withStore("a data file that is mostly dead is copied without what is dead", async (store, dir) => {
  const id = await createVolume(store, { sizeBytes: 4096 * KiB });
  await write(store, id, [0, noise(4096 * KiB, 1)]);
  const before = onlyFile(dir);
  await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const handle = await store.openVolume(id, "write");
  await handle.zero(100 * KiB, 3000 * KiB);
  await handle.close();
  const expected = noise(4096 * KiB, 1).fill(0, 100 * KiB, 3100 * KiB);
  await store.deleteGroup({ groupId: groupId(1), owner });
  assert(!dataFiles(dir).includes(before));
  assert(dataBytes(dir) <= 1300 * KiB, `${dataBytes(dir)} bytes are too many for 1096 KiB`);
  assert((await readVolume(store, id)).equals(expected));
});

withStore("a volume that is written over and over while open doesn't keep what nobody can read", async (store, dir) => {
  const id = await createVolume(store);
  for (let n = 0; n < 20; n++) await write(store, id, [0, noise(1024 * KiB, n)]);
  await store.deleteGroup({ groupId: groupId(1), owner });
  assert.equal(dataBytes(dir), 1024 * KiB);
});

withStore("zeros take no space", async (store, dir) => {
  const id = await createVolume(store);
  await write(store, id, [0, Buffer.alloc(1024 * KiB)]);
  assert.deepEqual(dataFiles(dir), []);
});

test("a store of a newer format is refused with what to do", async () => {
  const dir = await mkdtemp(join(tmpdir(), "extentstore-"));
  try {
    await (await ExtentStore.open(dir)).close();
    const database = new Database(join(dir, "store.sqlite"));
    database.execute("PRAGMA user_version = 99");
    database.close();
    await rejects(ExtentStore.open(dir), "STORE_TOO_NEW");
  } finally {
    await rm(dir, { recursive: true });
  }
});
