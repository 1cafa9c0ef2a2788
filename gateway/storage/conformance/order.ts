import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { PublishGroupOptions, SnapshotGroupOptions } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import {
  createVolume,
  groupId,
  noise,
  openMirror,
  owner,
  plain,
  prepareMirror,
  publish,
  readVolume,
  rejects,
  sendAll,
  sender,
  sourceObject,
  storageTest,
  strangers,
  takenAt,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const volumeBytes = 1024 * 1024;
const fromNothing = { baseGroupId: null, sizeBytes: volumeBytes, geometry: plain } as const;

/** That it is GROUP_STALE, and says how new the newest is. */
const isStale = async (promise: Promise<unknown>, newestSequence: number): Promise<void> => {
  await assert.rejects(promise, (error) => {
    assert(VisibleError.is(error, "GROUP_STALE"), String(error));
    assert.equal(error.newestSequence, newestSequence);
    return true;
  });
};

const sendAndPublish = async (driver: StorageDriver, mirror: string, group: number): Promise<void> => {
  await sendAll(driver, mirror, { group, bytes: noise(volumeBytes, group) });
  await publish(driver, group, mirror);
};

const prepareFor = (driver: StorageDriver, group: number, sequence: number, name: string) =>
  driver.prepareMirror({
    owner,
    object: sourceObject({ name }),
    run: { groupId: groupId(group), sequence, index: 0, sender },
  });

/**
 * Repeats that come late, and a control plane that was set back: neither makes other bytes under a
 * name that was given.
 */
export const orderConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("the order of a plan's groups", () => {
    storageTest("a group keeps its run's number and its objects as they were", open, async (driver, storage) => {
      const id = await createVolume(driver);
      const objects = await driver.inventory();
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id], sequence: 1, objects });
      await driver.deleteVolume(id);
      const group = await (await storage.reopen()).findGroup(groupId(1));
      assert.deepEqual([group?.sequence, group?.objects], [1, objects]);
    });

    storageTest("a list says of each group what tells it from others of its id", open, async (driver) => {
      const id = await createVolume(driver);
      const group = await driver.snapshotGroup({ groupId: groupId(4), owner, volumeIds: [id], sequence: 4 });
      const mirror = await prepareMirror(driver, sourceObject());
      await sendAndPublish(driver, mirror, 3);
      const size = { volumeCount: 1, sizeBytes: volumeBytes };
      assert.deepEqual(await driver.listGroups(owner), [
        { groupId: groupId(3), sequence: 3, takenAt, ...size },
        { groupId: groupId(4), sequence: 4, takenAt: group.takenAt, ...size },
      ]);
    });

    storageTest(
      "a source group that was deleted is never taken again, nor one before it",
      open,
      async (driver, storage) => {
        const id = await createVolume(driver);
        const take = (of: StorageDriver, group: number, more: Partial<SnapshotGroupOptions> = {}) =>
          of.snapshotGroup({ groupId: groupId(group), owner, volumeIds: [id], sequence: group, ...more });
        await take(driver, 2);
        await driver.deleteGroup({ groupId: groupId(2), owner });
        const reopened = await storage.reopen();
        await isStale(take(reopened, 2), 2);
        await isStale(take(reopened, 1), 2);
        assert.deepEqual(await reopened.listGroups(owner), []);
        await take(reopened, 3);
        for (const owner of strangers)
          await take(reopened, 1, { owner, groupId: groupId(7 + strangers.indexOf(owner)) });
      },
    );

    storageTest("a source group of the same slot and another run is left as it is", open, async (driver) => {
      const id = await createVolume(driver);
      const options = { groupId: groupId(1), owner, volumeIds: [id], sequence: 5 };
      const group = await driver.snapshotGroup(options);
      await rejects(driver.snapshotGroup({ ...options, sequence: 9 }), "GROUP_EXISTS");
      assert.deepEqual(await driver.snapshotGroup(options), group);
      // What was refused has moved nothing on.
      await driver.snapshotGroup({ ...options, groupId: groupId(2), sequence: 6 });
    });

    storageTest("a group that is not taken leaves no trace in the order", open, async (driver) => {
      const id = await createVolume(driver);
      const options = { groupId: groupId(5), owner, volumeIds: [id, "nowhere"], sequence: 5 };
      await rejects(driver.snapshotGroup(options), "VOLUME_UNKNOWN");
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id], sequence: 1 });
    });

    storageTest(
      "a published group is known for done only by the same number, instant and mirrors",
      open,
      async (driver) => {
        const [first, second] = [
          await prepareMirror(driver, sourceObject({ lunId: 1 })),
          await prepareMirror(driver, sourceObject({ lunId: 2 })),
        ];
        for (const mirror of [first, second]) await sendAll(driver, mirror, { group: 1, bytes: noise(volumeBytes, 1) });
        const options: PublishGroupOptions = {
          ...{ groupId: groupId(1), owner, sequence: 1, takenAt, planName: "daily", objects: [] },
          mirrors: mirrorSetOf([first, second]),
        };
        const group = await driver.publishGroup(options);
        for (const other of [
          { sequence: 2 },
          { takenAt: "2026-03-01T01:00:00.001Z" as typeof takenAt },
          ...[[first], [first, second, "a third"], [first, "another"]].map((ids) => ({ mirrors: mirrorSetOf(ids) })),
        ]) {
          await rejects(driver.publishGroup({ ...options, ...other }), "GROUP_EXISTS");
        }
        assert.deepEqual(await driver.publishGroup({ ...options, mirrors: mirrorSetOf([second, first]) }), group);
      },
    );

    storageTest("a published group that was deleted is not published again", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      await sendAndPublish(driver, mirror, 1);
      await driver.deleteGroup({ groupId: groupId(1), owner });
      await isStale(publish(driver, 1, mirror), 1);
      assert.deepEqual(await driver.listGroups(owner), []);
    });

    storageTest("a group that is there is not written again, whichever run asks", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      await sendAndPublish(driver, mirror, 2);
      const options = { ...{ owner, mirrorVolumeId: mirror, groupId: groupId(2), sender }, ...fromNothing };
      for (const sequence of [1, 2, 9]) await rejects(driver.openMirror({ ...options, sequence }), "GROUP_EXISTS");
      await isStale(openMirror(driver, mirror, { group: 1 }), 2);
    });

    storageTest("what another run of the same slot has half written is not gone on with", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      await sendAll(driver, mirror, { group: 1, bytes: noise(volumeBytes, 1) });
      await prepareFor(driver, 1, 7, "database");
      const run = { groupId: groupId(1), sequence: 7, sender };
      const session = await driver.openMirror({ owner, mirrorVolumeId: mirror, ...run, ...fromNothing });
      assert.deepEqual([session.done, session.complete], [[], false]);
      assert((await readVolume(driver, mirror)).equals(Buffer.alloc(volumeBytes)));
    });

    storageTest("a late copy of a run's preparation changes nothing, and fences nobody off", open, async (driver) => {
      const [mirror] = await prepareFor(driver, 1, 1, "old name");
      assert(mirror !== undefined);
      await sendAndPublish(driver, mirror.mirrorVolumeId, 1);
      await prepareFor(driver, 2, 2, "new name");
      assert.deepEqual(await prepareFor(driver, 1, 1, "old name"), [mirror]);
      await prepareFor(driver, 3, 3, "new name");
      const { epoch } = await openMirror(driver, mirror.mirrorVolumeId, { group: 3, base: 1 });
      await isStale(prepareFor(driver, 2, 2, "new name"), 3);
      await driver.completeMirror({ mirrorVolumeId: mirror.mirrorVolumeId, epoch });
      await publish(driver, 3, mirror.mirrorVolumeId);
      await isStale(prepareFor(driver, 2, 2, "new name"), 3);
      assert.deepEqual(
        (await driver.inventory()).map(({ name }) => name),
        ["new name"],
      );
    });

    storageTest(
      "what a newer run has prepared, no older one changes back, also when that was given up",
      open,
      async (driver) => {
        await prepareFor(driver, 1, 1, "old name");
        await prepareFor(driver, 2, 2, "new name");
        const prepared = await driver.inventory();
        await isStale(prepareFor(driver, 1, 1, "old name"), 2);
        await driver.abortGroup({ groupId: groupId(2), owner });
        await isStale(prepareFor(driver, 1, 1, "old name"), 2);
        assert.deepEqual(await driver.inventory(), prepared);
        await prepareFor(driver, 3, 3, "newer name");
      },
    );

    storageTest("a published group's preparation is not done again for what it does not have", open, async (driver) => {
      const [mirror] = await prepareFor(driver, 1, 1, "one");
      await sendAndPublish(driver, mirror?.mirrorVolumeId ?? "", 1);
      const object = sourceObject({ lunId: 8 });
      const run = { groupId: groupId(1), sequence: 1, index: 1, sender };
      await rejects(driver.prepareMirror({ owner, object, run }), "GROUP_EXISTS");
      assert.equal((await driver.inventory()).length, 1);
    });

    storageTest("a run that comes with too low a number hears so before anything is sent", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      await sendAndPublish(driver, mirror, 5);
      await rejects(prepareFor(driver, 5, 4, "x"), "GROUP_EXISTS");
      await isStale(prepareFor(driver, 6, 4, "x"), 5);
      const other = sourceObject({ lunId: 8 });
      await isStale(
        driver.prepareMirror({ owner, object: other, run: { groupId: groupId(6), sequence: 4, index: 1, sender } }),
        5,
      );
      assert.equal((await driver.inventory()).length, 1);
      await prepareFor(driver, 6, 6, "x");
    });
  });
};
