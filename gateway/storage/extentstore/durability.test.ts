import assert from "node:assert/strict";
import { closeSync, readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import {
  createVolume,
  noise,
  openMirror,
  prepareMirror,
  readVolume,
  rejects,
  sourceObject,
} from "../conformance/fixtures.ts";
import { DataFileWriter, dataFileIdOf } from "./data/data-file.ts";
import { ExtentStore } from "./extentstore.ts";
import { checkConsistency } from "./testing/consistency.ts";
import { type Fault, FaultyDisk, systemError } from "./testing/faulty-disk.ts";

const KiB = 1024;
/** Only what hangs takes so long. */
const timeout = 20_000;

let dir: string;
let disk: FaultyDisk;
let store: ExtentStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "extentstore-"));
  disk = new FaultyDisk();
  store = await ExtentStore.open(dir, { disk });
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

const dataFiles = (): string[] => readdirSync(join(dir, "data"));

/** Fails the first `times` of the calls that `wanted` names. */
const failing = (wanted: Fault, times: number, code = "EIO"): void => {
  let left = times;
  disk.fails = (call) => (call === wanted && left-- > 0 ? systemError(code, call) : undefined);
};

/** The process ends, the power fails, and somebody opens the store again. */
const afterPowerCut = async (): Promise<ExtentStore> => {
  await store.close();
  disk.powerCut();
  checkConsistency(dir);
  disk.fails = () => undefined;
  store = await ExtentStore.open(dir, { disk });
  return store;
};

const mirrorWriters = async (...extents: number[]) => {
  const mirror = await prepareMirror(store, sourceObject());
  const { epoch } = await openMirror(store, mirror, { group: 1 });
  const writers = [];
  for (const extent of extents) writers.push(await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent }));
  return { mirror, writers };
};

/** The content of a mirror whose first extents hold the noise of these seeds. */
const contentOf = (...seeds: readonly (number | undefined)[]): Buffer => {
  const content = Buffer.alloc(1024 * KiB);
  for (const [extent, seed] of seeds.entries())
    if (seed !== undefined) noise(256 * KiB, seed).copy(content, extent * 256 * KiB);
  return content;
};

describe("extents that are committed at once, to one data file", { timeout }, () => {
  /** The syncs that have begun and not ended. */
  let syncs: PromiseWithResolvers<void>[];
  let syncBegan: PromiseWithResolvers<void>;

  beforeEach(() => {
    syncs = [];
    syncBegan = Promise.withResolvers();
    disk.beforeSync = async () => {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      syncBegan.resolve();
      await sync.promise;
    };
  });

  /** Ends the one sync that is under way. */
  const endSync = async (commits: Promise<unknown>, error?: Error): Promise<void> => {
    await Promise.race([syncBegan.promise, commits.then(() => assert.fail("they ended without having been synced"))]);
    assert.equal(syncs.length, 1, "two syncs at once: the kernel tells only one of them what went wrong");
    syncBegan = Promise.withResolvers();
    const sync = syncs.shift();
    if (error === undefined) sync?.resolve();
    else sync?.reject(error);
  };

  /** Two extents of a mirror; the second is written while the first is brought to the disk. */
  const twoCommits = async () => {
    const { mirror, writers } = await mirrorWriters(0, 1);
    const [first, second] = writers;
    await first?.write(0, noise(256 * KiB, 1));
    const firstCommit = first?.commit();
    await Promise.race([syncBegan.promise, firstCommit?.then(() => assert.fail("it ended without a sync"))]);
    await second?.write(256 * KiB, noise(256 * KiB, 2));
    return { mirror, commits: Promise.allSettled([firstCommit, second?.commit()]) };
  };
  const statusOf = (ended: readonly PromiseSettledResult<unknown>[]) => ended.map(({ status }) => status);

  test("are each made durable by a sync of their own, one after the other, and no more", async () => {
    const { mirror, commits } = await twoCommits();
    await endSync(commits);
    await endSync(commits);
    assert.deepEqual(statusOf(await commits), ["fulfilled", "fulfilled"]);
    assert.equal(syncs.length, 0);
    assert((await readVolume(store, mirror)).equals(contentOf(1, 2)));
    assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(1, 2)));
  });

  test("are both written to another file when the disk fails the first, and committed from there", async () => {
    const { mirror, commits } = await twoCommits();
    await endSync(commits, systemError("EIO", "fdatasync"));
    await endSync(commits);
    await endSync(commits);
    assert.deepEqual(statusOf(await commits), ["fulfilled", "fulfilled"]);
    assert.equal(disk.failed.size, 1);
    assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(1, 2)));
    assert.deepEqual(dataFiles().map(dataFileIdOf), [2], "nothing was to be left of the file that failed");
  });
});

describe("when the disk fails", { timeout }, () => {
  const named = (fault: Fault) => (fault === "syncFolder" ? "to sync the folder" : `to ${fault} a data file`);

  for (const fault of ["create", "write", "sync", "syncFolder"] as const) {
    const once = fault === "create" ? "is tried again" : "is written to another file and committed";
    test(`once ${named(fault)}, an extent ${once}`, async () => {
      const { mirror, writers } = await mirrorWriters(0);
      failing(fault, 1);
      const [writer] = writers;
      if (fault === "create") await rejects(writer?.write(0, noise(256 * KiB, 1)) ?? Promise.resolve(), "DISK_FAILED");
      await writer?.write(0, noise(256 * KiB, 1));
      await writer?.commit();
      assert((await readVolume(store, mirror)).equals(contentOf(1)));
      assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(1)));
    });

    test(`${named(fault)} again and again, that is said, and the next write succeeds when it does not any more`, async () => {
      const { mirror, writers } = await mirrorWriters(0, 1);
      failing(fault, Number.POSITIVE_INFINITY);
      const [writer, other] = writers;
      const commit = async () => {
        await writer?.write(0, noise(256 * KiB, 1));
        await writer?.commit();
      };
      await assert.rejects(commit(), (error) => VisibleError.is(error, "DISK_FAILED") && error.retryable);
      await writer?.discard();
      disk.fails = () => undefined;
      await other?.write(256 * KiB, noise(256 * KiB, 2));
      await other?.commit();
      assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(undefined, 2)));
    });
  }

  for (const fault of ["write", "sync"] as const) {
    test(`${named(fault)}, a volume that is written keeps what it had, and can be flushed later`, async () => {
      const volume = await createVolume(store);
      const handle = await store.openVolume(volume, "write");
      await handle.write(0, noise(256 * KiB, 1));
      await handle.flush();
      failing(fault, Number.POSITIVE_INFINITY);
      await handle.write(256 * KiB, noise(256 * KiB, 2));
      await rejects(handle.flush(), "DISK_FAILED");
      assert((await readVolume(store, volume)).equals(contentOf(1)));
      disk.fails = () => undefined;
      await handle.flush();
      await handle.close();
      assert((await readVolume(await afterPowerCut(), volume)).equals(contentOf(1, 2)));
    });
  }

  test("and the kernel has forgotten what it was to write, the extent is not committed, and the next one is", async () => {
    const { mirror, writers } = await mirrorWriters(0, 1);
    const [writer, other] = writers;
    disk.forgetful = true;
    failing("sync", 1);
    await writer?.write(0, noise(256 * KiB, 1));
    await rejects(writer?.commit() ?? Promise.resolve(), "DISK_FAILED");
    await writer?.discard();
    await other?.write(256 * KiB, noise(256 * KiB, 2));
    await other?.commit();
    assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(undefined, 2)));
  });

  test("while an extent is still being written, what was synced and what was not are committed from another file", async () => {
    const { mirror, writers } = await mirrorWriters(0);
    const [writer] = writers;
    let syncs = 0;
    disk.fails = (call) => (call === "sync" && ++syncs === 2 ? systemError("EIO", call) : undefined);
    // A sync is begun after each 32 MiB.
    for (let n = 0; n < 260; n++) await writer?.write(0, noise(256 * KiB, n % 7));
    await writer?.write(64 * KiB, noise(64 * KiB, 8));
    await writer?.commit();
    assert(syncs > 2);
    const expected = contentOf(259 % 7);
    noise(64 * KiB, 8).copy(expected, 64 * KiB);
    assert((await readVolume(await afterPowerCut(), mirror)).equals(expected));
  });

  test("for want of room when it is synced, that is said, and it is written again when there is some", async () => {
    const { mirror, writers } = await mirrorWriters(0);
    const [writer] = writers;
    failing("sync", 1, "ENOSPC");
    await writer?.write(0, noise(256 * KiB, 1));
    await rejects(writer?.commit() ?? Promise.resolve(), "STORE_FULL");
    await writer?.commit();
    assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(1)));
  });

  test("for want of room, what is free is said, and not what this piece alone lacks", async () => {
    const { writers } = await mirrorWriters(0);
    const [writer] = writers;
    disk.freeBytes = () => 10 * 2 ** 20;
    await assert.rejects(
      async () => {
        await writer?.write(0, noise(256 * KiB, 1));
        await writer?.commit();
      },
      {
        code: "STORE_FULL",
        message: /^There is no space left for .*: 10 MiB are free, and 32 MiB stay free for metadata\.$/,
      },
    );
  });

  test("to write metadata, that is said, and nothing is half done", async () => {
    const { mirror, writers } = await mirrorWriters(0);
    const [writer] = writers;
    await writer?.write(0, noise(256 * KiB, 1));
    for (const fd of readdirSync("/proc/self/fd")) {
      if (linkOf(fd) === join(dir, "store.sqlite-wal")) closeSync(Number(fd));
    }
    await rejects(writer?.commit() ?? Promise.resolve(), "DISK_FAILED");
    await writer?.discard();
    await rejects(store.close(), "DISK_FAILED");
    store = await ExtentStore.open(dir, { disk });
    assert((await readVolume(store, mirror)).equals(contentOf()));
  });
});

const linkOf = (fd: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
};

test("what is written to a volume while it is flushed is not flushed with it", { timeout }, async () => {
  const volume = await createVolume(store);
  const handle = await store.openVolume(volume, "write");
  await handle.write(0, noise(256 * KiB, 1));
  const began = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  disk.beforeSync = async () => {
    began.resolve();
    await synced.promise;
  };
  const flush = handle.flush();
  await began.promise;
  const meanwhile = Promise.all([handle.write(256 * KiB, noise(256 * KiB, 2)), handle.zero(0, 64 * KiB)]);
  synced.resolve();
  await flush;
  assert((await readVolume(store, volume)).equals(contentOf(1)));
  await meanwhile;
  // Neither flushed nor closed.
  await store.close();
  disk.powerCut();
  store = await ExtentStore.open(dir, { disk });
  assert((await readVolume(store, volume)).equals(contentOf(1)));
});

test("a data file is not closed while the kernel brings it to the disk", { timeout }, async () => {
  const began = Promise.withResolvers<void>();
  const synced = Promise.withResolvers<void>();
  disk.beforeSync = async () => {
    began.resolve();
    await synced.promise;
  };
  const file = new DataFileWriter({ disk, dataDir: join(dir, "data"), id: 1 });
  file.append(noise(64 * KiB, 1));
  const sync = file.sync();
  await began.promise;
  file.close();
  assert.deepEqual(disk.closed, []);
  synced.resolve();
  await sync;
  assert.deepEqual(disk.closed, [file.path]);
});

test("whatever the disk fails, what was committed is there after a power cut, and the rest is told by name", {
  timeout,
}, async () => {
  let state = 1;
  const chance = (part: number): boolean => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 < part;
  };
  const mirror = await prepareMirror(store, sourceObject());
  const seeds: (number | undefined)[] = [undefined, undefined, undefined, undefined];
  let failures = 0;
  for (let round = 1; round <= 8; round++) {
    disk.forgetful = chance(0.3);
    disk.fails = (call) => (chance(0.12) ? systemError(chance(0.3) ? "ENOSPC" : "EIO", call) : undefined);
    const { epoch } = await openMirror(store, mirror, { group: 1 });
    const committed = await Promise.all(
      seeds.map(async (_, extent) => {
        const writer = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });
        try {
          for (let part = 0; part < 4; part++) {
            const from = part * 64 * KiB;
            const content = noise(256 * KiB, round * 4 + extent);
            await writer.write(extent * 256 * KiB + from, content.subarray(from, from + 64 * KiB));
          }
          await writer.commit();
          return true;
        } catch (error) {
          assert(VisibleError.is(error, "DISK_FAILED") || VisibleError.is(error, "STORE_FULL"), String(error));
          await writer.discard();
          failures++;
          return false;
        }
      }),
    );
    for (const [extent, was] of committed.entries()) if (was) seeds[extent] = round * 4 + extent;
    disk.fails = () => undefined;
    assert((await readVolume(await afterPowerCut(), mirror)).equals(contentOf(...seeds)), `round ${round}`);
  }
  assert(failures > 0 && failures < 32, `${failures} of 32 failed`);
});
