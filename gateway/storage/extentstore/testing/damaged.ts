import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { manualTime } from "../../../agent/testing.ts";
import {
  fillExtent,
  groupId,
  hashesOf,
  noise,
  openMirror,
  plain,
  prepareMirror,
  publish,
  readSnapshot,
  snapshotOf,
  sourceObject,
} from "../../conformance/fixtures.ts";
import { idleMs } from "../data/idle.ts";
import { Database } from "../database/database.ts";
import { ExtentStore } from "../extentstore.ts";

const KiB = 1024;
export const blockBytes = 64 * KiB;
export const extentBytes = plain.extentBytes;
export const sizeBytes = 4 * extentBytes;

/** A store with a mirror of four extents of four blocks. Each group has data files of its own. */
export const setUp = async (t: TestContext) => {
  const dir = mkdtempSync(join(tmpdir(), "damage-"));
  const time = manualTime();
  const store = await ExtentStore.open(dir, { time });
  t.after(async () => {
    await store.close();
    rmSync(dir, { recursive: true });
  });
  const mirror = await prepareMirror(store, sourceObject({ sizeBytes }));
  const contents = new Map<number, Buffer>();
  const files = () => readdirSync(join(dir, "data")).map((name) => join(dir, "data", name));
  const snapshot = (group: number) => snapshotOf(store, groupId(group), mirror);
  return {
    dir,
    store,
    mirror,
    files,
    /** The bytes of a published group. */
    contentOf: (group: number): Buffer => contents.get(group) ?? assert.fail(`no group ${group}`),
    snapshot,
    /**
     * Publishes a group that is `bytes`, on top of the newest: `extents` are written, in full like
     * everything that is damaged.
     * @returns what there was to write because it was damaged, and the data files that came of it
     */
    async publish(group: number, bytes: Buffer, extents: readonly number[]) {
      const had = new Set(files());
      const base = [...contents.keys()].at(-1);
      const sizes = { group, sizeBytes: bytes.length, ...(base === undefined ? {} : { base }) };
      const { epoch, damaged } = await openMirror(store, mirror, sizes);
      for (const extent of new Set([...extents, ...damaged])) {
        const writer = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent, from: "zeros" });
        await fillExtent(writer, extent, { bytes, geometry: plain });
        const part = bytes.subarray(extent * extentBytes, (extent + 1) * extentBytes);
        assert.deepEqual(Buffer.from(await writer.blockHashes()), Buffer.from(hashesOf(part)));
        await writer.commit();
      }
      await store.completeMirror({ mirrorVolumeId: mirror, epoch });
      await publish(store, group, mirror);
      await time.advance(2 * idleMs);
      contents.set(group, bytes);
      return { damaged, files: files().filter((file) => !had.has(file)) };
    },
    /** Which groups are damaged, and in how many extents each. */
    damage: async () => (await store.damage()).map((found) => [found.groupId, found.extents]),
    isWhole: async (group: number) => {
      assert((await readSnapshot(store, await snapshot(group))).equals(contents.get(group) ?? Buffer.of()));
    },
    /** Changes the metadata behind everybody's back. */
    tamper: (change: (database: Database) => void) => {
      const database = new Database(join(dir, "store.sqlite"));
      database.execute("PRAGMA foreign_keys = OFF");
      change(database);
      database.close();
    },
  };
};

export const flip = (file: string | undefined, at: number): void => {
  assert(file !== undefined, "there is no such file");
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
};

/** `bytes` with other content in one block. */
export const changed = (bytes: Buffer, block: number, seed: number): Buffer => {
  const copy = Buffer.from(bytes);
  noise(blockBytes, seed).copy(copy, block * blockBytes);
  return copy;
};

export const flipTable = (database: Database, where = "1 = 1"): void => {
  for (const { id, blocks } of database.all<{ id: number; blocks: Uint8Array }>(
    `SELECT id, blocks FROM versions WHERE ${where}`,
  )) {
    blocks[3] = (blocks[3] ?? 0) ^ 1;
    database.run("UPDATE versions SET blocks = ? WHERE id = ?", blocks, id);
  }
};

/**
 * Three groups: the second shares the first's damaged block 5, of extent 1, the
 * third has another there.
 */
export const withDamagedBlock = async (t: TestContext) => {
  const world = await setUp(t);
  const first = noise(sizeBytes, 1);
  const { files } = await world.publish(1, first, [0, 1, 2, 3]);
  const second = changed(first, 0, 2);
  await world.publish(2, second, [0]);
  await world.publish(3, changed(second, 5, 3), [1]);
  flip(files[0], 5 * blockBytes + 100);
  return world;
};
