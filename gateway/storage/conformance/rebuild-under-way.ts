import assert from "node:assert/strict";
import { describe } from "node:test";
import {
  fillExtent,
  groupId,
  noise,
  openMirror,
  owner,
  plain,
  prepareMirror,
  publish,
  readSnapshot,
  readVolume,
  sendAll,
  snapshotOf,
  sourceObject,
  storageTest,
  volumeOf,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const sizeBytes = 1024 * 1024;
const extents = sizeBytes / plain.extentBytes;

/** A rebuild has nothing to do with what its mirrors take meanwhile (W12). */
export const rebuildUnderWayConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("ten rebuilds of one group at once", () => {
    storageTest(
      "are all made while the mirror takes the next group, and neither is in the way",
      open,
      async (driver) => {
        const object = sourceObject({ sizeBytes });
        const mirror = await prepareMirror(driver, object);
        const [first, second] = [noise(sizeBytes, 1), noise(sizeBytes, 2)];
        await sendAll(driver, mirror, { group: 1, bytes: first });
        await publish(driver, 1, mirror);
        const { epoch } = await openMirror(driver, mirror, { group: 2, base: 1, sizeBytes });
        const receive = async (extent: number) => {
          const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });
          await fillExtent(writer, extent, { bytes: second, geometry: plain });
          await writer.commit();
        };
        const rebuild = (n: number) =>
          driver.rebuildObject({ key: `${n}`, owner, fromGroupId: groupId(1), object, name: `again-${n}` });
        await receive(0);
        const [made] = await Promise.all([
          Promise.all(Array.from({ length: 10 }, (_, n) => rebuild(n))),
          ...Array.from({ length: extents - 1 }, (_, n) => receive(n + 1)),
        ]);
        await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
        await publish(driver, 2, mirror);
        const ids = made.map((one) => volumeOf(one).id);
        assert.equal(new Set(ids).size, 10);
        for (const id of ids) assert((await readVolume(driver, id)).equals(first));
        assert((await readSnapshot(driver, await snapshotOf(driver, groupId(2), mirror))).equals(second));
      },
    );
  });
};
