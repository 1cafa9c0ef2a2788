import assert from "node:assert/strict";
import { describe } from "node:test";
import type { PlanId, RunId } from "../../../core/api/ids.ts";
import type { Owner } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import {
  createVolume,
  fillExtent,
  groupId,
  noise,
  owner,
  plain,
  readAll,
  readVolume,
  rejects,
  sender,
  storageTest,
  strangers,
  takenAt,
  volumeOf,
  write,
} from "./fixtures.ts";
import { isMirror, looseVolume, publishAll, volumeBytes } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const restore: Owner = { planId: "plan_01K0Z3NDEKTSV4RRFFQ69G5FZZ" as PlanId, source: owner.source };
const restoreId = "restore_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z" as RunId;
const brought = groupId(50);
const object = looseVolume();
const bytes = noise(volumeBytes, 1);
const run = { groupId: brought, sequence: 7, sender, index: 0 };
/** The plan's first group. */
const seed = { groupId: groupId(1), owner };

const prepare = async (driver: StorageDriver, from: typeof seed | null = null): Promise<string> => {
  const staged = { restoreId, seed: from };
  const [mirror] = await driver.prepareMirror({ owner: restore, object, run, staged });
  return mirror?.mirrorVolumeId ?? assert.fail("it has no mirror");
};

const open = (driver: StorageDriver, mirrorVolumeId: string, baseGroupId: typeof brought | null = null) =>
  driver.openMirror({
    ...{ owner: restore, mirrorVolumeId, groupId: brought, sequence: 7, sender, baseGroupId },
    ...{ sizeBytes: volumeBytes, geometry: plain },
  });

const publication = (mirror: string) => ({
  ...{ groupId: brought, owner: restore, sequence: 7, takenAt, planName: restoreId, objects: [null] },
  mirrors: mirrorSetOf([mirror]),
});

/** Brings the group here, whole. */
const bring = async (driver: StorageDriver): Promise<string> => {
  const mirrorVolumeId = await prepare(driver);
  const { epoch } = await open(driver, mirrorVolumeId);
  for (let extent = 0; extent < volumeBytes / plain.extentBytes; extent += 1) {
    const writer = await driver.openMirrorExtent({ mirrorVolumeId, epoch, extent });
    await fillExtent(writer, extent, { bytes, geometry: plain });
    await writer.commit();
  }
  await driver.completeMirror({ mirrorVolumeId, epoch });
  await driver.publishGroup(publication(mirrorVolumeId));
  return mirrorVolumeId;
};

const drop = (driver: StorageDriver) => driver.dropStaged({ groupId: brought, owner: restore });

/** A group that is brought here for a restore alone has an owner of its own, and goes with it. */
export const broughtConformance = (opened: () => Promise<StorageUnderTest>): void => {
  describe("a group that is brought here for a restore", () => {
    storageTest("goes at once with its mirrors, and what was made of it stays", opened, async (driver, storage) => {
      const mirror = await bring(driver);
      const options = { key: "r", owner, groupOwner: restore, fromGroupId: brought, object, name: "made" };
      await rejects(driver.rebuildObject({ ...options, groupOwner: owner }), "NOT_OURS");
      const made = await driver.rebuildObject(options);
      assert.equal(made.origin?.planId, owner.planId);
      await drop(driver);
      await drop(driver);
      const reopened = await storage.reopen();
      assert.equal(await reopened.findMirrorVolume(mirror), undefined);
      assert.equal(await reopened.findGroup(brought), undefined);
      assert.equal((await reopened.inventory()).some(isMirror), false);
      assert((await readVolume(reopened, volumeOf(made).id)).equals(bytes));
    });

    storageTest("is not brought again by any late copy of its tasks", opened, async (driver) => {
      const mirror = await bring(driver);
      await drop(driver);
      await rejects(prepare(driver), "GROUP_ABORTED");
      await rejects(open(driver, mirror), "VOLUME_UNKNOWN");
      await rejects(driver.publishGroup(publication(mirror)), "GROUP_ABORTED");
      assert.deepEqual(await driver.inventory(), []);
    });

    storageTest("goes while it is written, and its writer is refused", opened, async (driver) => {
      const mirrorVolumeId = await prepare(driver);
      const { epoch } = await open(driver, mirrorVolumeId);
      const writer = await driver.openMirrorExtent({ mirrorVolumeId, epoch, extent: 0 });
      await fillExtent(writer, 0, { bytes, geometry: plain });
      await drop(driver);
      await rejects(writer.commit(), "VOLUME_UNKNOWN");
      assert.deepEqual(await driver.inventory(), []);
    });

    storageTest("that never came is remembered as one that does not come", opened, async (driver) => {
      await drop(driver);
      await rejects(prepare(driver), "GROUP_ABORTED");
    });

    storageTest("is known by its restore, and is no plan's restore point", opened, async (driver) => {
      await bring(driver);
      assert.deepEqual(await driver.manifests(), []);
      assert.deepEqual(await driver.foreignGroups(), []);
      const [mirror] = (await driver.inventory()).filter(isMirror);
      assert.equal(mirror?.origin?.planName, restoreId);
    });

    storageTest("starts from its seed, which is another owner's, and from nothing else", opened, async (driver) => {
      await publishAll(driver, 1, [object]);
      await publishAll(driver, 2, [object]);
      const mirrorVolumeId = await prepare(driver, seed);
      await rejects(open(driver, mirrorVolumeId, groupId(2)), "BASE_MISSING");
      const { epoch } = await open(driver, mirrorVolumeId, groupId(1));
      await driver.completeMirror({ mirrorVolumeId, epoch });
      await driver.publishGroup(publication(mirrorVolumeId));
      const read = async (id: typeof brought) => {
        const of = { groupId: id, owner: id === brought ? restore : owner };
        const handle = await driver.openSnapshot({ sourceVolumeId: volumeOf(object).id, of });
        const content = await readAll(await driver.readSnapshot(handle));
        await driver.closeSnapshot(handle);
        return content;
      };
      assert((await read(brought)).equals(await read(groupId(1))));
      await drop(driver);
      assert.equal((await read(groupId(1))).length, volumeBytes, "the seed is still there");
    });

    storageTest("may start from what was snapshotted here, as at the site of the plan", opened, async (driver) => {
      const id = await createVolume(driver, { sizeBytes: volumeBytes });
      await write(driver, id, [0, bytes]);
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
      const source = { ...looseVolume({ id }), volumes: [{ id, sizeBytes: volumeBytes, geometry: plain }] };
      const [mirror] = await driver.prepareMirror({ owner: restore, object: source, run, staged: { restoreId, seed } });
      const mirrorVolumeId = mirror?.mirrorVolumeId ?? assert.fail("it has no mirror");
      await open(driver, mirrorVolumeId, groupId(1));
      assert((await readVolume(driver, mirrorVolumeId)).equals(bytes));
    });

    storageTest("has no seed that is not whose it is said to be", opened, async (driver) => {
      await publishAll(driver, 1, [object]);
      for (const stranger of strangers) await rejects(prepare(driver, { ...seed, owner: stranger }), "NOT_OURS");
      const plain = await prepare(driver);
      await rejects(open(driver, plain, groupId(1)), "BASE_MISSING");
    });

    storageTest("is the only thing that goes so: what a plan has here stays", opened, async (driver) => {
      const [mirror] = await publishAll(driver, 1, [object]);
      await rejects(driver.dropStaged({ groupId: groupId(1), owner }), "NOT_OURS");
      const staged = { restoreId, seed: null };
      const late = { groupId: groupId(2), sequence: 2, sender, index: 0 };
      await rejects(driver.prepareMirror({ owner, object, run: late, staged }), "NOT_OURS");
      assert.notEqual(await driver.findMirrorVolume(mirror?.mirrorVolumeId ?? ""), undefined);
      assert.notEqual(await driver.findGroup(groupId(1)), undefined);
    });

    storageTest(
      "is read by what its source calls a volume, from the group that is meant alone",
      opened,
      async (driver) => {
        await publishAll(driver, 1, [object]);
        const wanted = (sourceVolumeId: string, n: number) =>
          driver.openSnapshot({ sourceVolumeId, of: { groupId: groupId(n), owner } });
        await rejects(wanted("nothing", 1), "SNAPSHOT_UNKNOWN");
        await rejects(wanted(volumeOf(object).id, 2), "SNAPSHOT_UNKNOWN");
        for (const stranger of strangers) {
          const of = { groupId: groupId(1), owner: stranger };
          await rejects(driver.openSnapshot({ sourceVolumeId: volumeOf(object).id, of }), "NOT_OURS");
        }
        await driver.closeSnapshot(await wanted(volumeOf(object).id, 1));
      },
    );
  });
};
