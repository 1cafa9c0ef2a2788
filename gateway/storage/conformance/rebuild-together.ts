import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { VmObject } from "../../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { StorageDriver } from "../driver.ts";
import { createVolume, groupId, owner, readVolume, rejects, volumeOf } from "./fixtures.ts";
import { bytesIn, isMirror, kindTest, looseVolume, lunOfSource, publishAll, theOnly, vmOfSource } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const vm = vmOfSource({ vm: { nics: [] } });
/** The second of the VM's disks, by itself. */
const disk: ObjectConfig = {
  ...looseVolume({ id: "volume-00000000000000d3", name: "web-2" }),
  labels: { tier: "data" },
};

/** Another VM, whose disks have the names of the first one's. */
const namesake: VmObject = {
  ...vmOfSource({
    name: "db",
    disks: [
      { id: "00000000000000e1", index: 0 },
      { id: "00000000000000e3", index: 2 },
    ],
    vm: { nics: [] },
  }),
  id: "vm-00000000000000e0",
};

const tasksOf = (driver: StorageDriver, restore: { readonly key?: string; readonly prefix?: string } = {}) => {
  const { key = "restore", prefix = "again-" } = restore;
  return (object: ObjectConfig) =>
    driver.rebuildObject({ key, owner, fromGroupId: groupId(1), object, name: `${prefix}${object.name}` });
};

const rebuilt = async (driver: StorageDriver): Promise<readonly ObjectConfig[]> =>
  (await driver.inventory()).filter((object) => !isMirror(object));

const named = (objects: readonly ObjectConfig[]): string[] => objects.map(({ kind, name }) => `${kind} ${name}`).sort();

/** What the objects of one restore have to do with each other (W6, W12). */
export const rebuildTogetherConformance = (open: () => Promise<StorageUnderTest>): void => {
  const vms = { kinds: ["vm", "volume"], open } as const;
  describe("objects that are rebuilt together", () => {
    const orders = { "VM, volume": [vm, disk], "volume, VM": [disk, vm], "volume, volume, VM": [disk, disk, vm] };
    for (const [order, objects] of Object.entries(orders)) {
      kindTest(`have a VM's volume once that is one of them itself: ${order}`, vms, async (driver, storage) => {
        await publishAll(driver, 1, [vm, disk]);
        for (const object of objects) await tasksOf(driver)(object);
        await expectOne(driver);
        const made = await rebuilt(driver);
        const reopened = await storage.reopen();
        for (const object of objects.toReversed()) await tasksOf(reopened)(object);
        assert.deepEqual(await rebuilt(reopened), made);
      });
    }

    kindTest("have it once when they are made side by side, several times each", vms, async (driver) => {
      await publishAll(driver, 1, [disk, vm]);
      await Promise.all([disk, vm, disk, vm].map(tasksOf(driver)));
      await expectOne(driver);
    });

    kindTest("have a volume of its own where the VM is not among them", vms, async (driver) => {
      await publishAll(driver, 1, [vm, disk]);
      await tasksOf(driver, { key: "1", prefix: "one-" })(vm);
      const alone = await tasksOf(driver, { key: "2", prefix: "two-" })(disk);
      assert(alone.kind === "volume" && alone.vms === undefined);
      assert.equal(alone.name, "two-web-2");
      const first = await theOnly(driver, "vm", (object) => !isMirror(object));
      assert(first.volumes.every(({ id }) => id !== volumeOf(alone).id));
      assert((await readVolume(driver, volumeOf(alone).id)).equals(bytesIn(1, volumeOf(disk).id)));
    });

    kindTest("of two restores of one group are objects of their own", vms, async (driver) => {
      await publishAll(driver, 1, [vm, disk]);
      for (const object of [vm, disk]) await tasksOf(driver, { key: "1", prefix: "one-" })(object);
      for (const object of [disk, vm]) await tasksOf(driver, { key: "2", prefix: "two-" })(object);
      assert.deepEqual(
        named(await rebuilt(driver)),
        ["one", "two"].flatMap((prefix) => ["vm", "volume", "volume"].map((kind, n) => nameAt(kind, prefix, n))).sort(),
      );
      const before = await rebuilt(driver);
      await rejects(tasksOf(driver, { key: "3", prefix: "two-" })(vm), "OBJECT_NAME_TAKEN");
      await rejects(tasksOf(driver, { key: "3", prefix: "two-" })(disk), "VOLUME_NAME_TAKEN");
      assert.deepEqual(await rebuilt(driver), before);
    });

    kindTest("are all made, with numbers, when volumes of theirs have one name", vms, async (driver) => {
      const other = looseVolume({ name: "web-0" });
      await publishAll(driver, 1, [vm, namesake, other]);
      const [one, two] = [await tasksOf(driver)(vm), await tasksOf(driver)(namesake)];
      assert.equal((await tasksOf(driver)(other)).name, "again-web-0-3");
      assert(one.kind === "vm" && two.kind === "vm");
      assert.deepEqual(
        [one, two].map((made) => made.vm.disks.map(({ name }) => name)),
        [
          ["again-web-0", "again-web-2"],
          ["again-web-0-2", "again-web-2-2"],
        ],
      );
      for (const [n, { id }] of two.volumes.entries()) {
        assert((await readVolume(driver, id)).equals(bytesIn(1, namesake.volumes[n]?.id ?? "")));
      }
      assert.deepEqual(await tasksOf(driver)(namesake), two);
    });

    kindTest("need names that nothing else has, and else leave nothing half made", vms, async (driver) => {
      await publishAll(driver, 1, [vm, disk, lunOfSource()]);
      // The second disk's, when the first is made already.
      await createVolume(driver, { name: "again-web-2" });
      await createVolume(driver, { name: "again-database" });
      const before = await driver.inventory();
      for (const object of [vm, disk, lunOfSource()]) {
        await assert.rejects(tasksOf(driver)(object), (error) => {
          assert(VisibleError.is(error, "VOLUME_NAME_TAKEN"));
          assert.match(error.message, /again-(web-2|database)/);
          assert.match(error.hint ?? "", /--prefix/);
          return true;
        });
      }
      assert.deepEqual(await driver.inventory(), before);
      for (const object of [vm, disk, lunOfSource()]) await tasksOf(driver, { prefix: "new-" })(object);
      assert.equal((await driver.inventory()).length, before.length + 4);
    });

    kindTest("are not made again by late tasks when the VM was deleted, nor is its volume", vms, async (driver) => {
      const { administration } = driver;
      if (administration === undefined) return;
      await publishAll(driver, 1, [vm, disk]);
      for (const [n, objects] of [[vm], [vm, disk], [disk, vm]].entries()) {
        const task = tasksOf(driver, { key: `restore-${n}` });
        for (const object of objects) await task(object);
        const { kind, id } = await task(vm);
        await administration.deleteObject({ kind, id });
        for (const object of [vm, disk]) await rejects(task(object), "VOLUME_UNKNOWN");
        assert.deepEqual(await rebuilt(driver), []);
      }
    });

    kindTest("have the VM whole when its volume was deleted before it was made", vms, async (driver) => {
      await publishAll(driver, 1, [vm, disk]);
      const task = tasksOf(driver);
      await driver.deleteVolume(volumeOf(await task(disk)).id);
      await rejects(task(disk), "VOLUME_UNKNOWN");
      await task(vm);
      await task(disk);
      await expectOne(driver);
    });

    kindTest("leave alone a volume that somebody gave to another VM meanwhile", vms, async (driver) => {
      const { administration } = driver;
      if (administration === undefined) return;
      await publishAll(driver, 1, [vm, disk]);
      const { name } = await tasksOf(driver)(disk);
      const resources = { cpu: { cores: 1, sockets: 1 }, memory: 2 ** 30, firmware: "BIOS", ha: false } as const;
      await administration.createObjects([
        { kind: "vm", name: "mine", ...resources, disks: [{ volume: name, bus: "VIRTIO" }], nics: [] },
      ]);
      const before = await rebuilt(driver);
      await rejects(tasksOf(driver)(vm), "OBJECT_BUSY");
      assert.deepEqual(await rebuilt(driver), before);
    });
  });
};

const nameAt = (kind: string, prefix: string, n: number): string =>
  kind === "vm" ? `vm ${prefix}-web` : `volume ${prefix}-web-${n === 1 ? 0 : 2}`;

/**
 * There is one VM, and of volumes its own; the one that is an object by itself as
 * well has what that has.
 */
const expectOne = async (driver: StorageDriver): Promise<void> => {
  const made = await theOnly(driver, "vm", (object) => !isMirror(object));
  assert.equal(made.name, "again-web");
  assert.deepEqual(
    made.vm.disks.map(({ name, index, boot }) => [name, index, boot]),
    vm.vm.disks.map(({ index, boot }) => [`again-web-${index}`, index, boot]),
  );
  const volumes = (await rebuilt(driver)).filter(({ kind }) => kind === "volume");
  assert.deepEqual(new Set(volumes.map((object) => volumeOf(object).id)), new Set(made.volumes.map(({ id }) => id)));
  for (const object of volumes) assert(object.kind === "volume" && object.vms?.length === 1);
  const itself = await theOnly(driver, "volume", ({ name }) => name === "again-web-2");
  assert.equal(volumeOf(itself).id, made.volumes[1]?.id);
  assert.deepEqual(itself.labels, disk.labels);
  for (const [n, { id }] of made.volumes.entries()) {
    assert((await readVolume(driver, id)).equals(bytesIn(1, vm.volumes[n]?.id ?? "")));
  }
};
