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
  sourceDisks,
  vmOfSource,
  volumeBytes,
} from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const listed = async (driver: StorageDriver): Promise<string[]> =>
  (await driver.inventory())
    .filter(isMirror)
    .map(({ kind, name }) => `${kind} ${name}`)
    .toSorted();

/** Mirrors of what a plan does not have any more. */
export const staleMirrorConformance = (open: () => Promise<StorageUnderTest>): void => {
  const volumes = { kinds: ["volume"], open } as const;
  const everything = { kinds: ["lun", "volume", "nfs-file", "vm"], open } as const;
  const other = looseVolume({ id: "volume-00000000000000b2", name: "other" });
  describe("a mirror that a newer group does not have", () => {
    kindTest("is listed until that is published, and its older snapshots stay", volumes, async (driver, storage) => {
      const before = await publishAll(driver, 1, [looseVolume(), other]);
      await publishAll(driver, 2, [other]);
      assert.deepEqual(await listed(driver), ["volume other"]);
      const reopened = await storage.reopen();
      for (const { sourceVolumeId, mirrorVolumeId } of before) {
        const bytes = await readSnapshot(reopened, await snapshotOf(reopened, groupId(1), mirrorVolumeId));
        assert(bytes.equals(bytesIn(1, sourceVolumeId)));
      }
      await rejects(openMirror(reopened, mirrorOf(before, "volume-00000000000000b1"), { group: 3 }), "VOLUME_UNKNOWN");
    });

    kindTest("of each kind is gone then, all of it, and can be rebuilt all the same", everything, async (driver) => {
      const gone = [lunOfSource(), fileOfSource(), vmOfSource()];
      await publishAll(driver, 1, [...gone, other]);
      await publishAll(driver, 2, [other]);
      assert.deepEqual(await listed(driver), ["volume other"]);
      for (const [n, object] of gone.entries()) {
        const options = { key: `${n}`, owner, fromGroupId: groupId(1), object, name: object.name };
        assert.equal((await driver.rebuildObject(options)).name, object.name);
      }
    });

    kindTest("stays while that is only prepared or written", volumes, async (driver) => {
      await publishAll(driver, 1, [looseVolume(), other]);
      const before = await listed(driver);
      const [mirror] = await prepareAll(driver, 2, [other]);
      assert(mirror !== undefined);
      await sendAll(driver, mirror.mirrorVolumeId, { group: 2, bytes: bytesIn(2, other.id) });
      assert.deepEqual(await listed(driver), before);
      await driver.abortGroup({ groupId: groupId(2), owner });
      assert.deepEqual(await listed(driver), before);
    });

    kindTest("stays where a run after that one has prepared it", volumes, async (driver) => {
      const mirrors = await prepareAll(driver, 1, [other]);
      await sendAll(driver, mirrorOf(mirrors, other.id), { group: 1, bytes: bytesIn(1, other.id) });
      const next = await prepareAll(driver, 2, [looseVolume(), other]);
      await driver.publishGroup(publicationOf(1, mirrors, 1));
      assert.deepEqual(await listed(driver), ["volume loose", "volume other"]);
      for (const { sourceVolumeId, mirrorVolumeId } of next) {
        await sendAll(driver, mirrorVolumeId, { group: 2, bytes: bytesIn(2, sourceVolumeId) });
      }
      await driver.publishGroup(publicationOf(2, next, 2));
    });

    kindTest("is made anew when its object comes back, and is sent in full", volumes, async (driver) => {
      await publishAll(driver, 1, [looseVolume(), other]);
      await publishAll(driver, 2, [other]);
      const back = await publishAll(driver, 3, [looseVolume(), other]);
      assert.deepEqual(await listed(driver), ["volume loose", "volume other"]);
      const mirror = mirrorOf(back, "volume-00000000000000b1");
      const bytes = await readSnapshot(driver, await snapshotOf(driver, groupId(3), mirror));
      assert(bytes.equals(bytesIn(3, "volume-00000000000000b1")));
      await prepareAll(driver, 4, [looseVolume()]);
      await rejects(openMirror(driver, mirror, { group: 4, base: 2, sizeBytes: volumeBytes }), "BASE_MISSING");
    });

    kindTest("of another owner is nobody's business", volumes, async (driver) => {
      for (const stranger of strangers) await prepareAll(driver, 1, [looseVolume()], stranger);
      await publishAll(driver, 2, [other]);
      assert.deepEqual(await listed(driver), [...strangers.map(() => "volume loose"), "volume other"]);
    });

    kindTest("of a VM goes disk by disk, and the groups before have it", { kinds: ["vm"], open }, async (driver) => {
      const before = await publishAll(driver, 1, [vmOfSource()]);
      const [kept, removed] = sourceDisks;
      assert(kept !== undefined && removed !== undefined);
      await publishAll(driver, 2, [vmOfSource({ disks: [kept] })]);
      assert.deepEqual(await listed(driver), ["vm web", "volume web-0"]);
      const mirror = mirrorOf(before, `volume-${removed.id}`);
      const bytes = await readSnapshot(driver, await snapshotOf(driver, groupId(1), mirror));
      assert(bytes.equals(bytesIn(1, `volume-${removed.id}`)));
      assert.equal((await driver.findGroup(groupId(2)))?.snapshots.length, 1);
    });
  });
};
