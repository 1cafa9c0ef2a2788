import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { manualTime } from "../../../agent/testing.ts";
import { createVolume, noise, readVolume, rejects, write } from "../../conformance/fixtures.ts";
import { storageTimeouts } from "../../timed-calls.ts";
import { withTimeouts } from "../../with-timeouts.ts";
import { Database } from "../database/database.ts";
import { ExtentStore } from "../extentstore.ts";
import { checkConsistency } from "../testing/consistency.ts";
import { FaultyDisk } from "../testing/faulty-disk.ts";

const stager = new URL("../testing/stager.ts", import.meta.url);
const sizeBytes = 1024 * 1024;

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

inStore(
  "what a process had staged when it was killed is gone, with its space, and the volume is as it was",
  async (dir) => {
    const store = await ExtentStore.open(dir);
    const id = await createVolume(store);
    const before = noise(sizeBytes, 1);
    await write(store, id, [0, before]);
    const filesBefore = await readdir(join(dir, "data"));
    const child = fork(stager, [dir, id]);
    await once(child, "message");
    await rejects(store.openVolume(id, "write"), "VOLUME_BUSY");
    child.kill("SIGKILL");
    await once(child, "close");
    await store.close();
    const next = await ExtentStore.open(dir);
    assert.deepEqual(
      (await next.inventory()).map(({ name }) => name),
      ["disk"],
    );
    assert((await readVolume(next, id)).equals(before));
    assert.deepEqual(await readdir(join(dir, "data")), filesBefore);
    await write(next, id, [0, noise(10, 2)]);
    await next.close();
    checkConsistency(dir);
  },
);

inStore("what was replaced gives its space back, and a swap whose transaction fails changes nothing", async (dir) => {
  const store = await ExtentStore.open(dir);
  const id = await createVolume(store);
  await write(store, id, [0, noise(sizeBytes, 1)]);
  const filesBefore = await readdir(join(dir, "data"));
  const database = new Database(join(dir, "store.sqlite"));
  database.execute(
    `CREATE TRIGGER fails BEFORE UPDATE OF tableId ON volumes BEGIN SELECT RAISE(ABORT, 'the disk went away'); END`,
  );
  const failing = await store.stageVolume({ into: id });
  await failing.write(0, noise(sizeBytes, 2));
  await assert.rejects(failing.swapIn(), /the disk went away/);
  database.execute("DROP TRIGGER fails");
  database.close();
  assert((await readVolume(store, id)).equals(noise(sizeBytes, 1)));
  await failing.close();
  assert.deepEqual(await readdir(join(dir, "data")), filesBefore);
  const staged = await store.stageVolume({ into: id });
  await staged.write(0, noise(sizeBytes, 3));
  await staged.swapIn();
  await staged.close();
  assert((await readVolume(store, id)).equals(noise(sizeBytes, 3)));
  const filesAfter = await readdir(join(dir, "data"));
  assert.equal(filesAfter.length, filesBefore.length);
  assert.notDeepEqual(filesAfter, filesBefore);
  await store.close();
  checkConsistency(dir);
});

inStore("a swap that is given up while it waits for the disk is none", async (dir) => {
  const store = await ExtentStore.open(dir);
  const id = await createVolume(store);
  await write(store, id, [0, noise(sizeBytes, 1)]);
  const staged = await store.stageVolume({ into: id });
  await staged.write(0, noise(sizeBytes, 2));
  const swapping = assert.rejects(staged.swapIn(), /was closed before it was swapped in/);
  await staged.close();
  await swapping;
  assert((await readVolume(store, id)).equals(noise(sizeBytes, 1)));
  await write(store, id, [0, noise(10, 3)]);
  await store.close();
  checkConsistency(dir);
});

inStore("a swap that took too long, and was said to have failed, isn't made when the disk is back", async (dir) => {
  const disk = new FaultyDisk();
  const store = await ExtentStore.open(dir, { disk });
  const id = await createVolume(store);
  const before = noise(sizeBytes, 1);
  await write(store, id, [0, before]);
  const [hangs, isBack, closed] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  assert(hangs && isBack && closed);
  const time = manualTime();
  let onEnded = (): void => undefined;
  const timed = withTimeouts(store, { time, onMoved: () => onEnded() });
  assert(timed.stageVolume);
  const staged = await timed.stageVolume({ into: id });
  await staged.write(0, noise(sizeBytes, 2));
  disk.beforeSync = async () => {
    hangs.resolve();
    await isBack.promise;
  };
  const swapping = rejects(staged.swapIn(), "TIMEOUT");
  await hangs.promise;
  await time.advance(storageTimeouts.durableSeconds * 1000);
  await swapping;
  onEnded = closed.resolve;
  await staged.close();
  isBack.resolve();
  await closed.promise;
  assert((await readVolume(store, id)).equals(before));
  await store.close();
  checkConsistency(dir);
});
