import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { manualTime } from "../../../agent/testing.ts";
import {
  groupId,
  noise,
  openMirror,
  owner,
  prepareMirror,
  readSnapshot,
  snapshotOf,
  sourceObject,
  takenAt,
} from "../../conformance/fixtures.ts";
import { mirrorSetOf } from "../../mirror-set.ts";
import { systemDisk } from "../data/disk.ts";
import { idleMs } from "../data/idle.ts";
import type { StoreOptions } from "../data/store.ts";
import { ExtentStore } from "../extentstore.ts";
import { checkConsistency } from "../testing/consistency.ts";
import { memoryDir } from "../testing/memory-dir.ts";
import { dataFileSizes, handlesIn, inspectSpace, sum, waitedTime } from "../testing/space.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const blockBytes = 64 * KiB;
const extentBytes = 2 * blockBytes;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
/** What is looked at here is space, and a power cut is not. */
const disk = { ...systemDisk, sync: async () => undefined };

/** The stores of a gateway: its main thread's and those of its threads. */
const openStores = async (dir: string, threads: number, options: StoreOptions) => {
  const main = await ExtentStore.open(dir, options);
  const others: ExtentStore[] = [];
  for (let thread = 0; thread < threads; thread++) others.push(await ExtentStore.open(dir, options));
  return { main, threads: others, close: () => Promise.all([main, ...others].map((store) => store.close())) };
};

const template = noise(blockBytes, 1);
/** A block that compresses not at all and is like no other. */
const blockOf = (mirror: number, block: number, day: number): Buffer => {
  const content = Buffer.from(template);
  content.writeUInt32LE(mirror, 0);
  content.writeUInt32LE(block, 4);
  content.writeUInt32LE(day, 8);
  return content;
};

/** Any number, the same for the same two. */
const hash = (a: number, b: number): number => (Math.imul(a * 31 + b, 2654435761) >>> 0) >>> 16;

test("200 mirrors, written by 4 threads for 10 days, one group kept, take up little more than what is alive", async (context) => {
  const [mirrors, threads, days, blocks, openFiles] = [200, 4, 10, 4, 8];
  const dir = await memoryDir("extentstore-space");
  const time = manualTime();
  try {
    const stores = await openStores(dir, threads, { openFiles, dataFileBytes: MiB, time, disk });
    const { main } = stores;
    const sizeBytes = blocks * blockBytes;
    const ids: string[] = [];
    for (let mirror = 0; mirror < mirrors; mirror++) {
      ids.push(await prepareMirror(main, sourceObject({ lunId: mirror, sizeBytes, geometry })));
    }
    /** The day that each block is of, by mirror. */
    const written = ids.map(() => new Array<number>(blocks).fill(1));
    let turn = 0;
    let ratioMax = 0;
    let handlesMax = 0;
    const look = () => {
      const { liveBytes, openBytes } = inspectSpace(dir);
      ratioMax = Math.max(ratioMax, (sum(dataFileSizes(dir)) - openBytes) / liveBytes);
      handlesMax = Math.max(handlesMax, handlesIn(dir));
    };
    const send = async (mirror: number, day: number) => {
      const mirrorVolumeId = ids[mirror] ?? "";
      const { epoch } = await openMirror(main, mirrorVolumeId, {
        group: day,
        ...(day > 1 && { base: day - 1 }),
        sizeBytes,
        geometry,
      });
      const changed = Array.from({ length: blocks }, (_, block) => block).filter(
        (block) => day === 1 || hash(mirror, day) % blocks === block,
      );
      for (const extent of new Set(changed.map((block) => Math.floor(block / 2)))) {
        const writer = await stores.threads[turn++ % threads]?.openMirrorExtent({ mirrorVolumeId, epoch, extent });
        for (const block of changed.filter((one) => Math.floor(one / 2) === extent)) {
          await writer?.write(block * blockBytes, blockOf(mirror, block, day));
          written[mirror]?.splice(block, 1, day);
        }
        await writer?.commit();
      }
      await main.completeMirror({ mirrorVolumeId, epoch });
    };
    for (let day = 1; day <= days; day++) {
      for (let mirror = 0; mirror < mirrors; mirror++) {
        await send(mirror, day);
        if (mirror % 100 === 99) look();
      }
      await main.publishGroup({
        owner,
        groupId: groupId(day),
        sequence: day,
        takenAt,
        mirrors: mirrorSetOf(ids),
        planName: "daily",
        objects: [],
      });
      await main.deleteGroup({ owner, groupId: groupId(day - 1) });
      look();
    }
    const busy = { disk: sum(dataFileSizes(dir)), ...inspectSpace(dir), files: dataFileSizes(dir).length };

    await time.advance(2 * idleMs);
    const waited = waitedTime();
    await main.tend({ time: waited });
    const sizes = dataFileSizes(dir);
    const { liveBytes, openBytes } = inspectSpace(dir);
    const ratio = sum(sizes) / liveBytes;
    context.diagnostic(
      `while runs go on: ${ratioMax.toFixed(2)} of what is alive beside the open files (at the end ${busy.disk} bytes for ` +
        `${busy.liveBytes}, ${busy.openBytes} of them open), ${handlesMax} handles, ${busy.files} files`,
    );
    context.diagnostic(
      `after ${((waited.waitedMs() + 2 * idleMs) / 1000).toFixed(1)} quiet seconds: ${ratio.toFixed(2)}, ` +
        `${handlesIn(dir)} handles, ${sizes.length} files`,
    );
    assert.equal(liveBytes, mirrors * blocks * blockBytes);
    assert(ratioMax <= 2, `${ratioMax} of what is alive`);
    assert(handlesMax <= openFiles * (threads + 1), `${handlesMax} handles`);
    assert.equal(openBytes, 0);
    assert(ratio <= 1.3, `${ratio} of what is alive`);
    assert(waited.waitedMs() + 2 * idleMs <= 600_000, `it takes ${waited.waitedMs()} ms`);
    await time.advance(2 * idleMs);
    assert.equal(handlesIn(dir), 0, "files that nobody uses are to be closed");
    for (const mirror of [0, 7, 99, 199]) {
      const content = await readSnapshot(main, await snapshotOf(main, groupId(days), ids[mirror] ?? ""));
      const expected = written[mirror]?.map((day, block) => blockOf(mirror, block, day)) ?? [];
      assert(content.equals(Buffer.concat(expected)), `mirror ${mirror}`);
    }
    await stores.close();
    checkConsistency(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
});
