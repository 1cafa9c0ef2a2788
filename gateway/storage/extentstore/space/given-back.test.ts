import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import type { GroupId } from "../../../../core/api/ids.ts";
import { groupId, noise, openMirror, owner, prepareMirror, sourceObject, takenAt } from "../../conformance/fixtures.ts";
import { mirrorSetOf } from "../../mirror-set.ts";
import { ExtentStore } from "../extentstore.ts";
import { memoryDir } from "../testing/memory-dir.ts";
import { dataFileSizes, inspectSpace, sum } from "../testing/space.ts";

const blockBytes = 64 * 1024;
const blocksPerExtent = 8;
const extentBytes = blocksPerExtent * blockBytes;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
const extents = 4;
const sizeBytes = extents * extentBytes;

const template = noise(blockBytes, 1);
const blockOf = (mirror: number, block: number, day: number): Buffer => {
  const content = Buffer.from(template);
  for (const [at, number] of [mirror, block, day].entries()) content.writeUInt32LE(number, at * 4);
  return content;
};

/** Two mirrors, in which each day another share of the blocks is written. */
const withDays = async (days: number, work: (store: ExtentStore, dir: string) => Promise<void>): Promise<void> => {
  const dir = await memoryDir("extentstore-given-back");
  const store = await ExtentStore.open(dir, { dataFileBytes: 4 * extentBytes });
  try {
    const mirrors = [
      await prepareMirror(store, sourceObject({ lunId: 1, sizeBytes, geometry })),
      await prepareMirror(store, sourceObject({ lunId: 2, sizeBytes, geometry })),
    ];
    for (let day = 1; day <= days; day++) {
      for (const [mirror, mirrorVolumeId] of mirrors.entries()) {
        const { epoch } = await openMirror(store, mirrorVolumeId, {
          group: day,
          ...(day > 1 && { base: day - 1 }),
          ...{ sizeBytes, geometry },
        });
        for (let extent = 0; extent < extents; extent++) {
          const writer = await store.openMirrorExtent({ mirrorVolumeId, epoch, extent });
          for (let block = 0; block < blocksPerExtent; block++) {
            const isWritten = day === 1 || (block + extent) % (day + 1) === mirror;
            const offset = extent * extentBytes + block * blockBytes;
            if (isWritten) await writer.write(offset, blockOf(mirror, block, day));
          }
          await writer.commit();
        }
        await store.completeMirror({ mirrorVolumeId, epoch });
      }
      await store.publishGroup({
        ...{ groupId: groupId(day), owner, sequence: day, takenAt, mirrors: mirrorSetOf(mirrors), planName: "daily" },
        objects: [1, 2].map((lunId) => sourceObject({ lunId, sizeBytes, geometry })),
      });
    }
    await work(store, dir);
  } finally {
    await store.close();
    await rm(dir, { recursive: true });
  }
};

const ids = (days: readonly number[]): GroupId[] => days.map(groupId);

for (const days of [[1], [2], [1, 2], [3], [1, 3], [1, 2, 3, 4]]) {
  test(`deleting the groups ${days} of four gives back exactly the bytes that were told`, async () => {
    await withDays(4, async (store, dir) => {
      const told = await store.spaceOf({ owner, groups: ids(days), mirrors: false });
      assert.equal(told.is, "exact");
      const before = inspectSpace(dir).liveBytes;
      for (const id of ids(days)) await store.deleteGroup({ groupId: id, owner });
      assert.equal(before - inspectSpace(dir).liveBytes, told.bytes);
      assert(days.length === 1 && days[0] === 3 ? told.bytes > 0 : true, "the third has something of its own");
    });
  });
}

test("releasing the mirrors with all groups gives back all, on the disk as well", async () => {
  await withDays(3, async (store, dir) => {
    const before = inspectSpace(dir).liveBytes;
    const told = await store.spaceOf({ owner, groups: "all", mirrors: true });
    assert.deepEqual(told, { bytes: before, is: "exact" });
    for (const id of ids([1, 2, 3])) await store.deleteGroup({ groupId: id, owner });
    await store.releaseMirrors({ owner, sequence: 3 });
    assert.equal(inspectSpace(dir).liveBytes, 0);
    assert.equal(sum(dataFileSizes(dir)) - inspectSpace(dir).openBytes, 0);
  });
});

test("a question that is called off ends, and changes nothing", async () => {
  await withDays(2, async (store, dir) => {
    const before = inspectSpace(dir);
    const signal = AbortSignal.abort(new Error("called off"));
    await assert.rejects(store.spaceOf({ owner, groups: "all", mirrors: true }, { signal }), /called off/);
    assert.deepEqual(inspectSpace(dir), before);
  });
});
