import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { StorageDriver } from "../driver.ts";
import { groupId, noise, openMirror, owner, readAll, readVolume, rejects, write } from "./fixtures.ts";
import { bytesIn, kindTest, looseVolume, nicOfSource, publishAll, vmOfSource, volumeBytes } from "./objects.ts";
import { switchesNamed } from "./places.ts";
import { back } from "./rollback.ts";
import { rebuildAs, standInsOf, stoodFor } from "./stand-ins.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

/** The n-th group, of what restore 1 has made, as what that stands for. */
const takeStandIns = async (driver: StorageDriver, n: number, more: object = {}) => {
  const standIns = await standInsOf(driver, "restore-1");
  const volumeIds = standIns.flatMap(({ object }) => object?.volumes.map(({ id }) => id) ?? []);
  const standsFor = await stoodFor(driver, "restore-1");
  const objects = standIns.map(({ home }) => home);
  const { groupId: id, sequence } = { groupId: groupId(n), sequence: n };
  return driver.snapshotGroup({ groupId: id, owner, sequence, volumeIds, standsFor, objects, ...more });
};

/** What a group has of a volume, by the id of the one that it stands for. */
const bytesOf = async (driver: StorageDriver, n: number, sourceVolumeId: string) => {
  const handle = await driver.openSnapshot({ sourceVolumeId, of: { groupId: groupId(n), owner } });
  const bytes = await readAll(await driver.readSnapshot(handle));
  await driver.closeSnapshot(handle);
  return bytes;
};

/** A site that took a plan over snapshots what stands for its objects. */
export const standInGroupConformance = (open: () => Promise<StorageUnderTest>): void => {
  const vms = { kinds: ["vm"], open } as const;
  const volumes = { kinds: ["volume"], open } as const;
  const object = looseVolume();
  const homeId = object.volumes[0]?.id ?? "";

  /** The volume of the first group, made here. @returns its own id */
  const made = async (driver: StorageDriver, home: ObjectConfig = object) => {
    await publishAll(driver, 1, [home]);
    const standIn = await rebuildAs(driver, home);
    return { standIn, id: standIn.volumes[0]?.id ?? assert.fail("it has no volume") };
  };

  describe("a group of what stands for other objects", () => {
    kindTest("has their volumes by the ids of those, and each byte of its own", volumes, async (driver, storage) => {
      const { id } = await made(driver);
      await write(driver, id, [0, noise(64 * KiB, 7)]);
      const group = await takeStandIns(driver, 2);
      assert.deepEqual(
        group.snapshots.map(({ volumeId, sourceVolumeId }) => [volumeId, sourceVolumeId]),
        [[id, homeId]],
      );
      const reopened = await storage.reopen();
      assert.ok((await bytesOf(reopened, 2, homeId)).equals(await readVolume(reopened, id)));
      await rejects(bytesOf(reopened, 2, id), "SNAPSHOT_UNKNOWN");
      assert.deepEqual(await reopened.objectOfGroup({ groupId: groupId(2), object }), object);
    });

    kindTest("has what stands for nothing by its own id", volumes, async (driver) => {
      const { id } = await made(driver);
      const plain = await driver.createVolume({ name: "plain", kind: "volume", sizeBytes: 64 * KiB });
      const { snapshots } = await takeStandIns(driver, 2, { volumeIds: [id, plain.id] });
      assert.deepEqual(
        snapshots.map(({ sourceVolumeId }) => sourceVolumeId),
        [homeId, plain.id],
      );
    });

    kindTest("is not taken of two that would be one volume", volumes, async (driver) => {
      const { id } = await made(driver);
      const { volumes: others } = await rebuildAs(driver, object, { key: "restore-2", name: "other" });
      const volumeIds = [id, others[0]?.id ?? ""];
      const standsFor = volumeIds.map((volumeId) => ({ volumeId, homeId }));
      await rejects(takeStandIns(driver, 2, { volumeIds, standsFor }), "BAD_REQUEST");
      assert.equal(await driver.findGroup(groupId(2)), undefined);
    });

    kindTest("is what a mirror of those goes on from, when they are home again", volumes, async (driver) => {
      const { id } = await made(driver);
      await write(driver, id, [0, noise(64 * KiB, 7)]);
      await takeStandIns(driver, 2);
      const [mirror] = await driver.prepareMirror({ owner, object });
      const mirrorVolumeId = mirror?.mirrorVolumeId ?? assert.fail("it has no mirror");
      const run = { groupId: groupId(3), sequence: 3, sender: owner.source, index: 0 };
      await driver.prepareMirror({ owner, object, run });
      await openMirror(driver, mirrorVolumeId, { group: 3, base: 2, sizeBytes: volumeBytes });
      assert.ok((await readVolume(driver, mirrorVolumeId)).equals(await readVolume(driver, id)));
    });

    kindTest("says where NICs were connected here, to whoever rebuilds from it here", vms, async (driver) => {
      const [prod = "", lab = ""] = await switchesNamed(driver, ["dr-prod", "dr-lab"]);
      const home = vmOfSource();
      await made(driver, home);
      const mappings = [{ switches: { prod, lab } }];
      await takeStandIns(driver, 2, { mappings });
      const again = await rebuildAs(driver, home, { key: "again", fromGroupId: groupId(2), name: "again" });
      assert.deepEqual(again.kind === "vm" && again.vm.nics.map(({ virtualSwitch }) => virtualSwitch), [prod, lab]);
    });
  });

  describe("what stands for an object", () => {
    kindTest("is compared with what groups have of that, be they taken or published here", volumes, async (driver) => {
      const { standIn, id } = await made(driver);
      const objects = [{ kind: standIn.kind, id: standIn.id }];
      const since = async (n: number) => {
        const [changes] = await driver.changesSince({ owner, groupId: groupId(n), objects });
        return [changes?.id, changes?.extents];
      };
      assert.deepEqual(await since(1), [standIn.id, 0]);
      await write(driver, id, [0, noise(64 * KiB, 7)]);
      await takeStandIns(driver, 2);
      assert.deepEqual(
        [await since(1), await since(2)],
        [
          [standIn.id, 1],
          [standIn.id, 0],
        ],
      );
      assert.deepEqual(await since(9), [standIn.id, undefined]);
    });

    kindTest("is rolled back to that, with the ids that it has", volumes, async (driver, storage) => {
      const { standIn, id } = await made(driver);
      await write(driver, id, [0, noise(64 * KiB, 7)]);
      await takeStandIns(driver, 2);
      const second = await readVolume(driver, id);
      await takeStandIns(driver, 3, { sequence: undefined });
      await driver.rollback(back(1, 3, [standIn]));
      assert.ok((await readVolume(driver, id)).equals(bytesIn(1, homeId)));
      await takeStandIns(driver, 4, { sequence: undefined });
      const reopened = await storage.reopen();
      await reopened.rollback(back(2, 4, [standIn]));
      assert.ok((await readVolume(reopened, id)).equals(second));
    });

    kindTest("that is a VM keeps its disks, and stays connected where it is", vms, async (driver) => {
      const { administration } = driver;
      if (administration === undefined) return;
      const [prod = ""] = await switchesNamed(driver, ["dr-prod"]);
      const home = vmOfSource({ vm: { nics: [nicOfSource()] } });
      await publishAll(driver, 1, [{ object: home, mapping: { switches: { prod } } }]);
      const standIn = await rebuildAs(driver, home, { wishes: { keepMacs: true } });
      const before = await driver.findObjects([standIn]);
      await administration.updateObject(standIn, { disks: [{ volume: "web-2" }] });
      const taken = await takeStandIns(driver, 2, { sequence: undefined });
      assert.equal(taken.snapshots.length, 1);
      const [told] = await driver.rollback(back(1, 2, [standIn]));
      assert.deepEqual([told?.id, told?.cameBack], [standIn.id, ["web-0"]]);
      const [after] = await driver.findObjects([standIn]);
      assert.deepEqual(
        [after?.kind === "vm" && after.vm, after?.volumes],
        [before[0]?.kind === "vm" && before[0].vm, before[0]?.volumes],
      );
      for (const [n, { id }] of standIn.volumes.entries()) {
        assert.ok((await readVolume(driver, id)).equals(bytesIn(1, home.volumes[n]?.id ?? "")));
      }
    });
  });

  describe("an object that is expected to be as one group, and becomes another one", () => {
    /** As the second group has it; the first one is what it may become. */
    const changed = async (driver: StorageDriver) => {
      const { standIn, id } = await made(driver);
      await write(driver, id, [0, noise(64 * KiB, 7)]);
      await takeStandIns(driver, 2);
      return { standIn, id };
    };
    const careful = { discardChanges: false, unchangedSince: groupId(2) };

    kindTest("becomes it, when nothing has changed since", volumes, async (driver) => {
      const { standIn, id } = await changed(driver);
      await takeStandIns(driver, 3, { sequence: undefined });
      await rejects(driver.rollback(back(1, 3, [standIn], { discardChanges: false })), "CHANGED_SINCE");
      await driver.rollback(back(1, 3, [standIn], careful));
      assert.ok((await readVolume(driver, id)).equals(bytesIn(1, homeId)));
    });

    kindTest("I12: stays as it is, when anything has changed since, or nobody knows", volumes, async (driver) => {
      const { standIn, id } = await changed(driver);
      const unknown = { ...careful, unchangedSince: groupId(9) };
      await takeStandIns(driver, 3, { sequence: undefined });
      await rejects(driver.rollback(back(1, 3, [standIn], unknown)), "CHANGED_SINCE");
      await write(driver, id, [64 * KiB, noise(64 * KiB, 8)]);
      const now = await readVolume(driver, id);
      await takeStandIns(driver, 4, { sequence: undefined });
      await rejects(driver.rollback(back(1, 4, [standIn], careful)), "CHANGED_SINCE");
      assert.ok((await readVolume(driver, id)).equals(now));
      await driver.rollback(back(1, 4, [standIn], { ...careful, discardChanges: true }));
    });
  });

  describe("what a restore has made, and is to go if a group has all of it", () => {
    const remove = (driver: StorageDriver, { kind, id }: ObjectConfig, n: number) =>
      driver.deleteRebuilt({ key: "restore-1", owner, object: { kind, id }, unchangedSince: groupId(n) });

    kindTest("goes", vms, async (driver) => {
      const { standIn, id } = await made(driver, vmOfSource());
      await remove(driver, standIn, 1);
      assert.equal((await driver.findObjects([standIn])).length, 0);
      await rejects(readVolume(driver, id), "VOLUME_UNKNOWN");
    });

    kindTest("stays with any byte that the group has not, and where nobody knows", vms, async (driver) => {
      const { standIn } = await made(driver, vmOfSource());
      const last = standIn.volumes.at(-1)?.id ?? "";
      await rejects(remove(driver, standIn, 9), "CHANGED_SINCE");
      await write(driver, last, [0, noise(64 * KiB, 7)]);
      const before = await driver.inventory();
      await rejects(remove(driver, standIn, 1), "CHANGED_SINCE");
      assert.deepEqual(await driver.inventory(), before);
      await takeStandIns(driver, 2);
      await remove(driver, standIn, 2);
      assert.equal((await driver.findObjects([standIn])).length, 0);
    });
  });
};
