import assert from "node:assert/strict";
import fs from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { noise, openMirror, prepareMirror, readVolume, sourceObject } from "../conformance/fixtures.ts";
import { ExtentStore } from "./extentstore.ts";

const KiB = 1024;

type Synced = (error: Error | null) => void;

/** The extentstore's disk, of which a test decides when and how each fdatasync ends. */
describe("extents that are committed at once, to one data file", () => {
  let dir: string;
  let store: ExtentStore;
  /** Those that have not ended. */
  let syncs: Synced[];
  let syncBegan: PromiseWithResolvers<void>;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "extentstore-"));
    store = await ExtentStore.open(dir);
    syncs = [];
    syncBegan = Promise.withResolvers();
    mock.method(fs, "fdatasync", (_fd: number, synced: Synced) => {
      syncs.push(synced);
      syncBegan.resolve();
    });
    mock.method(fs, "fdatasyncSync", () => assert.fail("a sync that nobody waits for asynchronously"));
    syncBuiltinESMExports();
  });
  afterEach(async () => {
    mock.restoreAll();
    syncBuiltinESMExports();
    await store.close();
    await rm(dir, { recursive: true });
  });

  /** Ends the one sync that is under way. */
  const endSync = async (error: Error | null): Promise<void> => {
    await syncBegan.promise;
    assert.equal(syncs.length, 1, "two syncs at once: the kernel tells only one of them what went wrong");
    syncBegan = Promise.withResolvers();
    syncs.shift()?.(error);
  };

  /** Two extents of a mirror; the second is written while the first is brought to the disk. */
  const twoCommits = async () => {
    const mirror = await prepareMirror(store, sourceObject());
    const { epoch } = await openMirror(store, mirror, { group: 1 });
    const writerOf = (extent: number) => store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });
    const [first, second] = [await writerOf(0), await writerOf(1)];
    await first.write(0, noise(256 * KiB, 1));
    const firstCommit = first.commit();
    await syncBegan.promise;
    await second.write(256 * KiB, noise(256 * KiB, 2));
    const commits = Promise.allSettled([firstCommit, second.commit()]);
    return { mirror, commits, discard: () => Promise.all([first.discard(), second.discard()]) };
  };

  test("are each made durable by a sync of their own, one after the other, and no more", async () => {
    const { mirror, commits } = await twoCommits();
    await endSync(null);
    await endSync(null);
    const ended = await commits;
    assert.deepEqual(
      ended.map(({ status }) => status),
      ["fulfilled", "fulfilled"],
    );
    assert.equal(syncs.length, 0);
    const expected = Buffer.concat([noise(256 * KiB, 1), noise(256 * KiB, 2), Buffer.alloc(512 * KiB)]);
    assert((await readVolume(store, mirror)).equals(expected));
  });

  test("are neither of them committed when the disk fails the first", async () => {
    const { mirror, commits, discard } = await twoCommits();
    await endSync(Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }));
    const ended = await commits;
    assert.deepEqual(
      ended.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    await discard();
    assert((await readVolume(store, mirror)).equals(Buffer.alloc(1024 * KiB)));
  });
});
