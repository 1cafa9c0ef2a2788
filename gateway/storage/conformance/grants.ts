import assert from "node:assert/strict";
import { describe } from "node:test";
import type { SiteId } from "../../../core/api/ids.ts";
import type { Grant } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import {
  groupId,
  noise,
  openMirror,
  owner,
  plain,
  publish,
  rejects,
  sendAll,
  sender,
  storageTest,
} from "./fixtures.ts";
import { kindTest, looseVolume, mirrorOf, prepareAll, publicationOf, vmOfSource, volumeBytes } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const object = looseVolume();
const other = "c" as SiteId;
const bytes = noise(volumeBytes, 1);

const runOf = (sequence: number, from = sender): Grant => ({ groupId: groupId(sequence), sequence, sender: from });

/** Prepares the mirror for a run. @returns its id */
const prepare = async (driver: StorageDriver, run: Grant): Promise<string> =>
  mirrorOf(await driver.prepareMirror({ owner, object, run: { ...run, index: 0 } }), object.volumes[0]?.id ?? "");

const open = (driver: StorageDriver, mirrorVolumeId: string, run: Grant) =>
  driver.openMirror({ owner, mirrorVolumeId, ...run, baseGroupId: null, sizeBytes: volumeBytes, geometry: plain });

const grantOf = async (driver: StorageDriver, mirror: string) => (await driver.findMirrorVolume(mirror))?.grant;

/** A mirror is written by whom its own site was told of, and for what, whoever else asks. */
export const grantConformance = (opened: () => Promise<StorageUnderTest>): void => {
  describe("a grant", () => {
    storageTest("is the newest run's that has prepared the mirror, and is durable", opened, async (driver, storage) => {
      const mirror = await prepare(driver, runOf(1));
      assert.deepEqual(await grantOf(driver, mirror), runOf(1));
      await prepare(driver, runOf(2, other));
      await prepare(driver, runOf(2, other));
      await rejects(prepare(driver, runOf(1)), "GROUP_STALE");
      assert.deepEqual(await grantOf(await storage.reopen(), mirror), runOf(2, other));
    });

    storageTest("lets its sender begin, whichever site that is, and nobody else", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1, other));
      await rejects(open(driver, mirror, runOf(1)), "NOT_GRANTED");
      const { epoch } = await open(driver, mirror, runOf(1, other));
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      await publish(driver, 1, mirror);
    });

    storageTest("has one group and one number: the largest that there is spoils nothing", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1));
      const { epoch } = await open(driver, mirror, runOf(1));
      for (const sequence of [2, Number.MAX_SAFE_INTEGER]) {
        await rejects(open(driver, mirror, { ...runOf(1), sequence }), "NOT_GRANTED");
        await rejects(open(driver, mirror, { ...runOf(2), sequence }), "NOT_GRANTED");
      }
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      await publish(driver, 1, mirror);
      await prepare(driver, runOf(2));
      await sendAll(driver, mirror, { group: 2, base: 1, bytes });
      await publish(driver, 2, mirror);
    });

    storageTest("is of each volume by itself", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1));
      const second = looseVolume({ id: "volume-00000000000000b2", name: "other" });
      const [others] = await driver.prepareMirror({ owner, object: second });
      await open(driver, mirror, runOf(1));
      await rejects(open(driver, others?.mirrorVolumeId ?? "", runOf(1)), "NOT_GRANTED");
    });

    storageTest("ends when its group is published", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1));
      await sendAll(driver, mirror, { group: 1, bytes });
      await publish(driver, 1, mirror);
      assert.equal(await grantOf(driver, mirror), undefined);
      await prepare(driver, runOf(1));
      assert.equal(await grantOf(driver, mirror), undefined, "a late copy of the preparation");
      await rejects(open(driver, mirror, runOf(1)), "GROUP_EXISTS");
      await rejects(open(driver, mirror, runOf(2)), "NOT_GRANTED");
    });

    storageTest("of a newer run is not ended by an older one's publication", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1));
      await sendAll(driver, mirror, { group: 1, bytes });
      await prepare(driver, runOf(2));
      await publish(driver, 1, mirror);
      await openMirror(driver, mirror, { group: 2, base: 1, sizeBytes: volumeBytes });
    });

    storageTest("ends when its group is aborted, before and after it was begun", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1));
      await driver.abortGroup({ groupId: groupId(1), owner });
      assert.equal(await grantOf(driver, mirror), undefined);
      await rejects(open(driver, mirror, runOf(1)), "GROUP_ABORTED");
      await prepare(driver, runOf(2));
      const { epoch } = await open(driver, mirror, runOf(2));
      await driver.abortGroup({ groupId: groupId(2), owner });
      assert.equal(await grantOf(driver, mirror), undefined);
      await rejects(driver.completeMirror({ mirrorVolumeId: mirror, epoch }), "FENCED");
    });

    storageTest("that takes another's place fences its writer off, and only then", opened, async (driver) => {
      const mirror = await prepare(driver, runOf(1));
      const { epoch } = await open(driver, mirror, runOf(1));
      await prepare(driver, runOf(1));
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      await prepare(driver, runOf(2, other));
      await rejects(driver.completeMirror({ mirrorVolumeId: mirror, epoch }), "FENCED");
      await rejects(driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 }), "FENCED");
      await rejects(open(driver, mirror, runOf(1)), "GROUP_STALE");
      const { epoch: next } = await open(driver, mirror, runOf(2, other));
      await prepare(driver, runOf(2, other));
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch: next });
    });

    const kinds = { kinds: ["vm", "volume"], open: opened } as const;
    kindTest("is of all volumes that an object has, those that others have as well", kinds, async (driver) => {
      const vm = vmOfSource();
      const shared = looseVolume({ id: vm.volumes[0]?.id ?? "" });
      const mirrors = await prepareAll(driver, 1, [shared, vm]);
      for (const { mirrorVolumeId } of mirrors) assert.deepEqual(await grantOf(driver, mirrorVolumeId), runOf(1));
      for (const { mirrorVolumeId } of mirrors) await sendAll(driver, mirrorVolumeId, { group: 1, bytes });
      await driver.publishGroup(publicationOf(1, mirrors, 2));
    });
  });
};
