import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { StorageDriver } from "../driver.ts";
import { groupId, noise, owner, readSnapshot, rejects, write } from "./fixtures.ts";
import { isMirror, kindTest, objectOfKind, publishAll, vmOfSource } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** What a restore has made goes when a person says so, and nothing else does. */
export const deleteRebuiltConformance = (open: () => Promise<StorageUnderTest>): void => {
  const vms = { kinds: ["vm"], open } as const;
  const all = { kinds: ["lun", "volume", "nfs-file", "vm"], open } as const;
  const remove = (driver: StorageDriver, { kind, id }: ObjectConfig, key = "restore-1") =>
    driver.deleteRebuilt({ key, owner, object: { kind, id } });
  const own = async (driver: StorageDriver) => (await driver.inventory()).filter((one) => !isMirror(one));
  const rebuild = (driver: StorageDriver, object: ObjectConfig, key = "restore-1", name = `again-${key}`) =>
    driver.rebuildObject({ key, owner, fromGroupId: groupId(1), object, name });

  const nothing = { owner, groups: [], mirrors: false } as const;

  describe("deleting what a restore has made", () => {
    kindTest("is done twice as once, of each kind, and the group stays as it was", all, async (driver, storage) => {
      const objects = Object.values(objectOfKind).map((make) => make());
      await publishAll(driver, 1, objects);
      const group = await driver.findGroup(groupId(1));
      assert(group !== undefined);
      const made: ObjectConfig[] = [];
      for (const object of objects) made.push(await rebuild(driver, object, "restore-1", object.name));
      for (const object of made) await remove(driver, object);
      const reopened = await storage.reopen();
      assert.deepEqual(await own(reopened), []);
      for (const object of made) await remove(reopened, object);
      const [first] = objects;
      assert(first !== undefined);
      await rejects(rebuild(reopened, first, "restore-1", first.name), "VOLUME_UNKNOWN");
      assert.deepEqual(await reopened.findGroup(groupId(1)), group);
      for (const { snapshotId } of group.snapshots) await readSnapshot(reopened, snapshotId);
    });

    kindTest("leaves what another restore made, a mirror, and what nobody made", all, async (driver) => {
      const object = objectOfKind.volume();
      await publishAll(driver, 1, [object]);
      const made = await rebuild(driver, object);
      const other = await rebuild(driver, object, "restore-12");
      const mirror = (await driver.inventory()).find(isMirror);
      const plain = await driver.createVolume({
        ...{ name: "plain", kind: "volume", sizeBytes: 64 * 1024 },
        geometry: { extentBytes: 64 * 1024, stripeCount: 1, stripeBytes: 64 * 1024 },
      });
      assert(mirror !== undefined);
      for (const one of [other, mirror, plain]) await rejects(remove(driver, one), "NOT_OURS");
      assert.equal((await own(driver)).length, 3);
      await remove(driver, made);
      assert.deepEqual((await own(driver)).map(({ id }) => id).toSorted(), [other.id, plain.id].toSorted());
    });

    kindTest("has an end: a restore that was aborted makes nothing more, whatever it had made", all, async (driver) => {
      const objects = [objectOfKind.volume(), objectOfKind.vm()];
      await publishAll(driver, 1, objects);
      const [volume, vm] = objects;
      assert(volume !== undefined && vm !== undefined);
      const key = groupId(7);
      await rebuild(driver, volume, key);
      await driver.abortGroup({ groupId: key, owner });
      for (const object of objects) await rejects(rebuild(driver, object, key), "GROUP_ABORTED");
      assert.equal((await own(driver)).length, 1);
      await rebuild(driver, vm, groupId(8));
    });

    kindTest("gives back what was written to it since, as was told before", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const made = await rebuild(driver, object);
      const of = (key: string) => driver.spaceOf({ ...nothing, restored: { key, objects: [made] } });
      const shared = await of("restore-1");
      if (shared === undefined) return;
      assert.equal(shared.bytes, 0, "the mirror has all of it");
      const [disk] = made.volumes;
      assert(disk !== undefined);
      await write(driver, disk.id, [0, noise(64 * 1024, 9)]);
      assert(((await of("restore-1"))?.bytes ?? 0) >= 64 * 1024);
      assert.equal((await of("restore-2"))?.bytes, 0, "another restore has none of it");
      await remove(driver, made);
      assert.equal((await of("restore-1"))?.bytes, 0);
    });

    kindTest("is refused for a VM that is on, and for a disk that a VM has", vms, async (driver) => {
      const { administration } = driver;
      if (administration === undefined) return;
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const { kind, id } = await rebuild(driver, object);
      await administration.setPower({ kind, id }, "on");
      const made = (await own(driver)).find((one) => one.kind === "vm");
      assert(made !== undefined);
      await rejects(remove(driver, made), "OBJECT_BUSY");
      const [disk] = made.volumes;
      assert(disk !== undefined);
      await rejects(remove(driver, { ...made, kind: "volume", id: disk.id } as ObjectConfig), "OBJECT_BUSY");
      assert((await own(driver)).some((one) => one.id === id));
      await administration.setPower({ kind, id }, "off");
      await remove(driver, made);
      assert.deepEqual(await own(driver), []);
    });
  });
};
