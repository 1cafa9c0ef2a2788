import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import {
  createVolume,
  groupId,
  noise,
  openMirror,
  owner,
  plain,
  prepareMirror,
  readVolume,
  rejects,
  sender,
  sourceObject,
  storageTest,
  striped,
  write,
} from "./fixtures.ts";
import type { ClusterTraits, StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const zbs: Geometry = { extentBytes: 256 * MiB, stripeCount: 1, stripeBytes: 256 * MiB };
const small: Geometry = { extentBytes: 64 * KiB, stripeCount: 1, stripeBytes: 64 * KiB };

const impossible: readonly { readonly sizeBytes: number; readonly geometry: Geometry }[] = [
  { sizeBytes: 2 ** 53 - 1, geometry: zbs },
  { sizeBytes: 2 ** 45, geometry: small },
  { sizeBytes: GiB, geometry: { ...zbs, stripeCount: 4, stripeBytes: 1 } },
  { sizeBytes: GiB, geometry: { ...zbs, stripeCount: 129, stripeBytes: 4 * KiB } },
  { sizeBytes: GiB, geometry: { ...zbs, extentBytes: 2 ** 32, stripeBytes: 2 ** 32 } },
  { sizeBytes: GiB, geometry: { ...plain, extentBytes: 100 * KiB, stripeBytes: 100 * KiB } },
  { sizeBytes: GiB, geometry: { ...striped, stripeBytes: striped.extentBytes * 2 } },
  { sizeBytes: 0, geometry: plain },
];

/** Shapes that can't be, at every way into a cluster. */
export const shapeConformance = (open: () => Promise<StorageUnderTest>, { isConsole }: ClusterTraits): void => {
  describe("shapes", () => {
    storageTest("a volume of a shape that can't be is refused, and is not made", open, async (driver) => {
      for (const shape of impossible) {
        if (isConsole) await rejects(createVolume(driver, shape), "BAD_REQUEST");
        const create = { name: "disk", kind: "volume", ...shape } as const;
        if (driver.stageVolume !== undefined) await rejects(driver.stageVolume({ create }), "BAD_REQUEST");
        await rejects(driver.prepareMirror({ owner, object: sourceObject(shape) }), "BAD_REQUEST");
      }
      assert.deepEqual(await driver.inventory(), []);
    });

    storageTest("a volume does not grow to more than can be", open, async (driver) => {
      const volume = await createVolume(driver);
      if (driver.stageVolume !== undefined) {
        await rejects(driver.stageVolume({ into: volume, growTo: 2 ** 53 - 1 }), "BAD_REQUEST");
      }
      await write(driver, volume, [0, noise(1000, 1)]);
      assert.equal((await readVolume(driver, volume)).length, MiB);
    });

    storageTest("a mirror does not become what can't be, and stays what it was", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const before = await driver.inventory();
      for (const shape of impossible) {
        await rejects(driver.prepareMirror({ owner, object: sourceObject(shape) }), "BAD_REQUEST");
      }
      assert.deepEqual(await driver.inventory(), before);
      assert.deepEqual((await openMirror(driver, mirror, { group: 1 })).done, []);
    });

    storageTest(
      "a mirror is opened for what it was prepared for: who tells anything else fences nobody and resets nothing",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject({ sizeBytes: GiB, geometry: zbs }));
        const shape = { sizeBytes: GiB, geometry: zbs };
        const { epoch } = await openMirror(driver, mirror, { group: 1, ...shape });
        const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 3 });
        await writer.write(3 * zbs.extentBytes, noise(64 * KiB, 1));
        await writer.commit();
        const others = [
          { sizeBytes: GiB + 1, geometry: zbs },
          { sizeBytes: GiB, geometry: { ...zbs, stripeCount: 4, stripeBytes: 4 * KiB } },
          { sizeBytes: GiB, geometry: small },
        ];
        for (const other of [...impossible, ...others]) {
          await rejects(openMirror(driver, mirror, { group: 1, ...other }), "BAD_REQUEST");
        }
        assert.deepEqual(await driver.findMirrorVolume(mirror), {
          ...{ owner, ...shape },
          grant: { groupId: groupId(1), sequence: 1, sender },
        });
        await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
        const again = await openMirror(driver, mirror, { group: 1, ...shape });
        assert.deepEqual([again.epoch, again.done, again.complete], [epoch + 1, [3], true]);
      },
    );

    storageTest("up to 128 stripes from 4 KiB are written and read as they lie", open, async (driver) => {
      const geometry = { extentBytes: 64 * KiB, stripeCount: 128, stripeBytes: 4 * KiB };
      const volume = await createVolume(driver, { sizeBytes: 8 * MiB, geometry });
      const bytes = noise(8 * MiB, 1);
      await write(
        driver,
        volume,
        [0, bytes.subarray(0, 5 * MiB + 1000)],
        [5 * MiB + 1000, bytes.subarray(5 * MiB + 1000)],
      );
      assert((await readVolume(driver, volume)).equals(bytes));
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [volume] });
    });
  });
};
