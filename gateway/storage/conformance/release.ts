import assert from "node:assert/strict";
import { describe } from "node:test";
import type { StorageDriver } from "../driver.ts";
import { groupId, openMirror, owner, readSnapshot, rejects, sendAll, snapshotOf, strangers } from "./fixtures.ts";
import {
  bytesIn,
  fileOfSource,
  isMirror,
  kindTest,
  looseVolume,
  lunOfSource,
  mirrorOf,
  prepareAll,
  publicationOf,
  publishAll,
  vmOfSource,
} from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const mirrorsOn = async (driver: StorageDriver) => (await driver.inventory()).filter(isMirror);

/** Mirrors that a person gives back, and how much space that is. */
export const releaseConformance = (open: () => Promise<StorageUnderTest>): void => {
  const volumes = { kinds: ["volume"], open } as const;
  const everything = { kinds: ["lun", "volume", "nfs-file", "vm"], open } as const;
  const [volume] = looseVolume().volumes;
  assert(volume !== undefined);

  describe("mirrors that are released", () => {
    kindTest("of each kind are gone, all of them, and the groups stay", everything, async (driver, storage) => {
      const objects = [lunOfSource(), looseVolume(), fileOfSource(), vmOfSource()];
      const mirrors = await publishAll(driver, 1, objects);
      await driver.releaseMirrors({ owner, sequence: 1 });
      await driver.releaseMirrors({ owner, sequence: 1 });
      const reopened = await storage.reopen();
      assert.deepEqual(await mirrorsOn(reopened), []);
      for (const { sourceVolumeId, mirrorVolumeId } of mirrors) {
        const bytes = await readSnapshot(reopened, await snapshotOf(reopened, groupId(1), mirrorVolumeId));
        assert(bytes.equals(bytesIn(1, sourceVolumeId)));
      }
      for (const [n, object] of objects.entries()) {
        const options = { key: `${n}`, owner, fromGroupId: groupId(1), object, name: object.name };
        assert.equal((await reopened.rebuildObject(options)).name, object.name);
      }
    });

    kindTest("are not made again by a run that is late, and are by the next one", volumes, async (driver) => {
      await prepareAll(driver, 1, [looseVolume()]);
      await driver.releaseMirrors({ owner, sequence: 2 });
      for (const late of [1, 2]) await rejects(prepareAll(driver, late, [looseVolume()]), "GROUP_STALE");
      assert.deepEqual(await mirrorsOn(driver), []);
      await publishAll(driver, 3, [looseVolume()]);
      assert.equal((await mirrorsOn(driver)).length, 1);
    });

    kindTest("take nothing any more from who was writing them, and are not published", volumes, async (driver) => {
      const mirrors = await prepareAll(driver, 1, [looseVolume()]);
      const mirrorVolumeId = mirrorOf(mirrors, volume.id);
      const epoch = await sendAll(driver, mirrorVolumeId, { group: 1, bytes: bytesIn(1, volume.id) });
      await driver.releaseMirrors({ owner, sequence: 1 });
      await rejects(driver.openMirrorExtent({ mirrorVolumeId, epoch, extent: 0 }), "VOLUME_UNKNOWN");
      await rejects(driver.completeMirror({ mirrorVolumeId, epoch }), "VOLUME_UNKNOWN");
      await rejects(openMirror(driver, mirrorVolumeId, { group: 1 }), "VOLUME_UNKNOWN");
      await rejects(driver.publishGroup(publicationOf(1, mirrors, 1)), "GROUP_STALE");
    });

    kindTest("stay where a newer run has prepared them, or writes to them", volumes, async (driver) => {
      const mirrors = await publishAll(driver, 1, [looseVolume()]);
      await prepareAll(driver, 3, [looseVolume()]);
      await driver.releaseMirrors({ owner, sequence: 2 });
      assert.equal((await mirrorsOn(driver)).length, 1);
      const mirrorVolumeId = mirrorOf(mirrors, volume.id);
      await sendAll(driver, mirrorVolumeId, { group: 3, base: 1, bytes: bytesIn(3, volume.id) });
      await driver.releaseMirrors({ owner, sequence: 2 });
      await driver.publishGroup(publicationOf(3, mirrors, 1));
    });

    kindTest("leave what is no mirror of that owner", volumes, async (driver) => {
      for (const stranger of strangers) await prepareAll(driver, 1, [looseVolume()], stranger);
      await driver.createVolume({ name: "disk", kind: "volume", sizeBytes: 1 });
      await publishAll(driver, 1, [looseVolume()]);
      const options = { key: "k", owner, fromGroupId: groupId(1), object: looseVolume(), name: "again" };
      await driver.rebuildObject(options);
      await driver.releaseMirrors({ owner, sequence: 1 });
      const left = (await driver.inventory()).map(({ name }) => name).toSorted();
      assert.deepEqual(left, ["again", "disk", "loose", "loose"]);
    });
  });

  describe("the space that deleting gives back", () => {
    const spaceOf = async (driver: StorageDriver, groups: "all" | readonly number[], mirrors = false) => {
      const ids = groups === "all" ? groups : groups.map(groupId);
      return driver.spaceOf({ owner, groups: ids, mirrors });
    };

    kindTest("is less for what others share, and nothing of what is not the owner's", volumes, async (driver) => {
      await publishAll(driver, 1, [looseVolume()]);
      const [one, all] = [await spaceOf(driver, [1]), await spaceOf(driver, "all", true)];
      if (one === undefined || all === undefined) return;
      // The mirror has all of it still.
      assert.equal(one.bytes, 0);
      assert(all.bytes >= volume.sizeBytes);
      for (const stranger of strangers) {
        assert.equal((await driver.spaceOf({ owner: stranger, groups: [groupId(1)], mirrors: true }))?.bytes, 0);
      }
      await publishAll(driver, 2, [looseVolume()]);
      assert((await spaceOf(driver, [1]))?.bytes === all.bytes, "nothing else has what only the first group had");
      assert.equal((await spaceOf(driver, [9]))?.bytes, 0);
    });
  });
};
