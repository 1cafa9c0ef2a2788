import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import type { StorageDriver } from "../driver.ts";
import type { StagedVolume, StageVolumeOptions } from "../volume-io.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  plain,
  readSnapshot,
  readVolume,
  rejects,
  snapshotOf,
  storageTest,
  striped,
  tokensOf,
  volumeOf,
  write,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;
const sizeBytes = 1024 * KiB;

const stage = async (driver: StorageDriver, options: StageVolumeOptions): Promise<StagedVolume> => {
  assert(driver.stageVolume !== undefined);
  return driver.stageVolume(options);
};

const newVolume = (name: string): StageVolumeOptions => ({
  create: { name, kind: "volume", sizeBytes, geometry: plain },
});

const snapshotNow = async (driver: StorageDriver, group: number, volumeId: string): Promise<string> => {
  await driver.snapshotGroup({ groupId: groupId(group), owner, volumeIds: [volumeId] });
  return snapshotOf(driver, groupId(group), volumeId);
};

export const stagingConformance = (open: () => Promise<StorageUnderTest>, stagesVolumes: boolean): void => {
  if (!stagesVolumes) {
    storageTest("volumes can't be staged, and it says so", open, async (driver) => {
      assert.equal(driver.stageVolume, undefined);
    });
    return;
  }
  describe("staged volumes", () => {
    storageTest("a new volume is there with all that was written, once it is swapped in", open, async (driver) => {
      const staged = await stage(driver, newVolume("v"));
      await staged.write(100, noise(500 * KiB, 1));
      await staged.flush();
      assert.deepEqual(await driver.inventory(), []);
      const object = await staged.swapIn();
      await staged.close();
      assert.deepEqual(await driver.inventory(), [object]);
      const expected = Buffer.alloc(sizeBytes);
      noise(500 * KiB, 1).copy(expected, 100);
      assert((await readVolume(driver, volumeOf(object).id)).equals(expected));
      await driver.deleteVolume(volumeOf(object).id);
    });

    storageTest("a volume that is there is what it was until then, also in snapshots", open, async (driver) => {
      const id = await createVolume(driver);
      const before = noise(sizeBytes, 1);
      await write(driver, id, [0, before]);
      const staged = await stage(driver, { into: id });
      const after = noise(sizeBytes, 2);
      await staged.write(0, after.subarray(0, 512 * KiB));
      await staged.flush();
      const half = await snapshotNow(driver, 1, id);
      assert((await readVolume(driver, id)).equals(before));
      await staged.write(512 * KiB, after.subarray(512 * KiB));
      assert((await readVolume(driver, id)).equals(before));
      await staged.swapIn();
      await staged.close();
      const whole = await snapshotNow(driver, 2, id);
      assert((await readVolume(driver, id)).equals(after));
      assert((await readSnapshot(driver, half)).equals(before));
      assert((await readSnapshot(driver, whole)).equals(after));
    });

    storageTest("an open reader goes on with the new content", open, async (driver) => {
      const id = await createVolume(driver);
      const reader = await driver.openVolume(id, "read");
      const block = Buffer.alloc(64 * KiB);
      await reader.read(0, block);
      const staged = await stage(driver, { into: id });
      await staged.write(0, noise(64 * KiB, 1));
      await staged.swapIn();
      await staged.close();
      await reader.read(0, block);
      assert(block.equals(noise(64 * KiB, 1)));
      await reader.close();
    });

    storageTest("what is not written in it stays shared: equal tokens before and after", open, async (driver) => {
      const id = await createVolume(driver);
      await write(driver, id, [0, noise(sizeBytes, 1)]);
      const before = await tokensOf(driver, await snapshotNow(driver, 1, id));
      const staged = await stage(driver, { into: id });
      await staged.write(300 * KiB, noise(10, 2));
      await staged.swapIn();
      await staged.close();
      const after = await tokensOf(driver, await snapshotNow(driver, 2, id));
      assert(before !== undefined && after !== undefined);
      const changed = after.flatMap((token, extent) => (token === before[extent] ? [] : [extent]));
      assert.deepEqual(changed, [1]);
    });

    storageTest("closed without a swap, nothing has changed and the next may begin", open, async (driver) => {
      const id = await createVolume(driver);
      await write(driver, id, [0, noise(sizeBytes, 1)]);
      const objects = await driver.inventory();
      for (const options of [{ into: id, growTo: 4 * sizeBytes }, newVolume("new")]) {
        const staged = await stage(driver, options);
        await staged.write(0, noise(sizeBytes, 2));
        await staged.flush();
        await staged.close();
      }
      assert.deepEqual(await driver.inventory(), objects);
      assert((await readVolume(driver, id)).equals(noise(sizeBytes, 1)));
      await write(driver, id, [0, noise(10, 3)]);
    });

    storageTest("nothing of it outlives the driver that began it", open, async (driver, storage) => {
      const id = await createVolume(driver);
      await write(driver, id, [0, noise(sizeBytes, 1)]);
      const [over, made] = [await stage(driver, { into: id }), await stage(driver, newVolume("new"))];
      for (const staged of [over, made]) {
        await staged.write(0, noise(sizeBytes, 2));
        await staged.flush();
      }
      const reopened = await storage.reopen();
      assert.deepEqual(
        (await reopened.inventory()).map(({ name }) => name),
        ["disk"],
      );
      assert((await readVolume(reopened, id)).equals(noise(sizeBytes, 1)));
      await write(reopened, id, [0, noise(10, 3)]);
    });

    storageTest("meanwhile nobody else writes, stages or deletes the volume", open, async (driver) => {
      const id = await createVolume(driver);
      const staged = await stage(driver, { into: id });
      await rejects(driver.openVolume(id, "write"), "VOLUME_BUSY");
      await rejects(stage(driver, { into: id }), "VOLUME_BUSY");
      await rejects(driver.deleteVolume(id), "VOLUME_BUSY");
      await staged.swapIn();
      await staged.close();
      const writer = await driver.openVolume(id, "write");
      await rejects(stage(driver, { into: id }), "VOLUME_BUSY");
      await writer.close();
    });

    storageTest("it grows when asked to, with zeros, and never shrinks", open, async (driver) => {
      const id = await createVolume(driver, { geometry: striped });
      await write(driver, id, [0, noise(sizeBytes, 1)]);
      const smaller = await stage(driver, { into: id, growTo: 64 * KiB });
      assert.equal(smaller.sizeBytes, sizeBytes);
      await smaller.close();
      const staged = await stage(driver, { into: id, growTo: 3 * sizeBytes });
      assert.equal(staged.sizeBytes, 3 * sizeBytes);
      await staged.write(3 * sizeBytes - 512, noise(512, 2));
      assert.equal(volumeOf(await staged.swapIn()).sizeBytes, 3 * sizeBytes);
      await staged.close();
      const expected = Buffer.concat([noise(sizeBytes, 1), Buffer.alloc(2 * sizeBytes - 512), noise(512, 2)]);
      assert((await readVolume(driver, id)).equals(expected));
    });

    storageTest(
      "a name that is taken is refused at once, and at the swap when it was taken since",
      open,
      async (driver) => {
        const staged = await stage(driver, newVolume("v"));
        await staged.write(0, noise(sizeBytes, 1));
        const id = await createVolume(driver, { name: "v" });
        await rejects(staged.swapIn(), "VOLUME_NAME_TAKEN");
        await staged.close();
        await rejects(stage(driver, newVolume("v")), "VOLUME_NAME_TAKEN");
        assert.equal((await driver.inventory()).length, 1);
        assert((await readVolume(driver, id)).equals(Buffer.alloc(sizeBytes)));
        await rejects(stage(driver, { create: { name: "w", kind: "volume", sizeBytes: 0 } }), "BAD_REQUEST");
        await rejects(stage(driver, { into: "nowhere" }), "VOLUME_UNKNOWN");
      },
    );

    storageTest(
      "whenever it is looked at, the volume has the content before the swap or after it",
      open,
      async (driver) => {
        let [volumes, groups] = [0, 10];
        const step = fc.oneof(
          fc.record({ does: fc.constant("write" as const), offset: fc.nat(sizeBytes - 70 * KiB), seed: fc.nat(99) }),
          fc.record({ does: fc.constant("zero" as const), offset: fc.nat(sizeBytes - 70 * KiB), seed: fc.constant(0) }),
          fc.record({
            does: fc.constantFrom("flush", "snapshot", "read"),
            offset: fc.constant(0),
            seed: fc.constant(0),
          }),
        );
        await fc.assert(
          fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, swaps) => {
            const id = await createVolume(driver, { name: `v${volumes++}` });
            const before = noise(sizeBytes, 1000);
            await write(driver, id, [0, before]);
            const staged = await stage(driver, { into: id });
            const after = Buffer.from(before);
            const snapshots: string[] = [];
            for (const { does, offset, seed } of steps) {
              const data = does === "zero" ? Buffer.alloc(70 * KiB) : noise(70 * KiB, seed);
              if (does === "write") await staged.write(offset, data);
              if (does === "zero") await staged.zero(offset, data.length);
              if (does === "write" || does === "zero") data.copy(after, offset);
              if (does === "flush") await staged.flush();
              if (does === "snapshot") snapshots.push(await snapshotNow(driver, groups++, id));
              if (does === "read") assert((await readVolume(driver, id)).equals(before));
            }
            if (swaps) await staged.swapIn();
            await staged.close();
            const expected = swaps ? after : before;
            assert((await readVolume(driver, id)).equals(expected));
            assert((await readSnapshot(driver, await snapshotNow(driver, groups++, id))).equals(expected));
            for (const snapshot of snapshots) assert((await readSnapshot(driver, snapshot)).equals(before));
          }),
          { numRuns: 12 },
        );
      },
    );
  });
};
