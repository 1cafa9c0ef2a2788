import assert from "node:assert/strict";
import { describe } from "node:test";
import { lunOf } from "../../../core/api/object.ts";
import {
  groupId,
  noise,
  owner,
  plain,
  prepareMirror,
  publish,
  readSnapshot,
  readVolume,
  rejects,
  sendAll,
  snapshotOf,
  sourceObject,
  storageTest,
  striped,
  volumeOf,
  write,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

export const rebuildConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("rebuilt objects", () => {
    storageTest("are ordinary objects with the bytes of the mirror's snapshot", open, async (driver, storage) => {
      const object = sourceObject({ geometry: striped });
      const mirror = await prepareMirror(driver, object);
      const bytes = noise(1024 * KiB, 1);
      await sendAll(driver, mirror, { group: 1, bytes, geometry: striped });
      await publish(driver, 1, mirror);
      await sendAll(driver, mirror, { group: 2, bytes: noise(1024 * KiB, 2), geometry: striped });
      const options = { key: "restore/1", owner, fromGroupId: groupId(1), object, name: "rebuilt" };
      const rebuilt = await driver.rebuildObject(options);
      assert.deepEqual(await driver.rebuildObject(options), rebuilt);
      assert.equal(rebuilt.name, "rebuilt");
      assert.equal(lunOf(rebuilt)?.lunId, 7);
      assert.deepEqual(rebuilt.origin, {
        planId: owner.planId,
        siteId: owner.source,
        role: "rebuilt",
        planName: "daily",
      });
      const { id } = volumeOf(rebuilt);
      assert((await readVolume(driver, id)).equals(bytes));
      await write(driver, id, [100 * KiB, noise(50 * KiB, 3)]);
      noise(50 * KiB, 3).copy(bytes, 100 * KiB);
      await driver.deleteGroup({ groupId: groupId(1), owner });
      const reopened = await storage.reopen();
      assert((await readVolume(reopened, id)).equals(bytes));
      await reopened.deleteVolume(id);
    });

    storageTest(
      "leave the snapshot as it was, and take the lowest free LUN id when theirs is taken",
      open,
      async (driver) => {
        const lun = { target: "t", lunId: 3 };
        const object = await driver.createVolume({
          name: "disk",
          kind: "lun",
          sizeBytes: 512 * KiB,
          geometry: plain,
          lun,
        });
        const { id } = volumeOf(object);
        await write(driver, id, [0, noise(512 * KiB, 1)]);
        await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
        const clone = await driver.rebuildObject({ key: "1", owner, fromGroupId: groupId(1), object, name: "clone" });
        // Not every cluster has a LUN 0.
        assert.ok((lunOf(clone)?.lunId ?? 9) < 2);
        await write(driver, volumeOf(clone).id, [0, noise(512 * KiB, 2)]);
        assert((await readSnapshot(driver, await snapshotOf(driver, groupId(1), id))).equals(noise(512 * KiB, 1)));
        assert((await readVolume(driver, id)).equals(noise(512 * KiB, 1)));
      },
    );

    storageTest("that were deleted are not made again by a late copy of their task", open, async (driver, storage) => {
      const object = await driver.createVolume({ name: "disk", kind: "volume", sizeBytes: 64 * KiB, geometry: plain });
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [volumeOf(object).id] });
      const options = { key: "restore/1", owner, fromGroupId: groupId(1), object, name: "rebuilt" };
      await driver.deleteVolume(volumeOf(await driver.rebuildObject(options)).id);
      const reopened = await storage.reopen();
      await rejects(reopened.rebuildObject(options), "VOLUME_UNKNOWN");
      await reopened.rebuildObject({ ...options, key: "restore/2" });
    });

    storageTest("need a snapshot and a free name", open, async (driver) => {
      const object = await driver.createVolume({ name: "disk", kind: "volume", sizeBytes: 64 * KiB, geometry: plain });
      const options = { key: "1", owner, fromGroupId: groupId(1), object, name: "disk" };
      await rejects(driver.rebuildObject(options), "SNAPSHOT_UNKNOWN");
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [volumeOf(object).id] });
      await rejects(driver.rebuildObject(options), "VOLUME_NAME_TAKEN");
      await rejects(driver.rebuildObject({ ...options, object: sourceObject(), name: "other" }), "SNAPSHOT_UNKNOWN");
      assert.equal((await driver.inventory()).length, 1);
    });
  });
};
