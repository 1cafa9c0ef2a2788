import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildObjectOptions, StandIn } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import { groupId, owner, rejects, strangers } from "./fixtures.ts";
import { kindTest, looseVolume, objectOfKind, publishAll, vmOfSource } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** What a restore makes of an object of the first group. */
export const rebuildAs = (
  driver: StorageDriver,
  object: ObjectConfig,
  { key = "restore-1", ...more }: Partial<RebuildObjectOptions> = {},
) => driver.rebuildObject({ key, owner, fromGroupId: groupId(1), object, name: object.name, ...more });

export const standInsOf = (driver: StorageDriver, ...keys: string[]): Promise<readonly StandIn[]> =>
  driver.standIns({ owner, keys });

/** The volumes of a stand-in, as those that they stand for call them. */
export const stoodFor = async (driver: StorageDriver, ...keys: string[]) =>
  (await standInsOf(driver, ...keys)).flatMap(({ volumes }) => volumes);

/** What a restore has made may stand for what it was made of. */
export const standInConformance = (open: () => Promise<StorageUnderTest>): void => {
  const all = { kinds: ["lun", "volume", "nfs-file", "vm"], open } as const;
  const vms = { kinds: ["vm"], open } as const;

  describe("what a restore has made", () => {
    kindTest("is known by the object that it stands for, of each kind, as it is now", all, async (driver, storage) => {
      const objects = Object.values(objectOfKind).map((make) => make());
      await publishAll(driver, 1, objects);
      const made: ObjectConfig[] = [];
      for (const object of objects) made.push(await rebuildAs(driver, object));
      const reopened = await storage.reopen();
      assert.deepEqual(
        await standInsOf(reopened, "restore-1"),
        objects.map((home, index) => ({
          ...{ key: "restore-1", home, object: made[index], madeName: home.name },
          volumes: home.volumes.map(({ id: homeId }, place) => ({ homeId, volumeId: made[index]?.volumes[place]?.id })),
        })),
      );
    });

    kindTest("is nobody else's: another restore's, plan's or site's", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      await rebuildAs(driver, object);
      assert.deepEqual(await standInsOf(driver, "restore-2", "restore-"), []);
      for (const stranger of strangers) {
        assert.deepEqual(await driver.standIns({ owner: stranger, keys: ["restore-1"] }), []);
      }
    });

    kindTest("is told with the name that it was made under, whatever it is called now", all, async (driver) => {
      const object = looseVolume();
      await publishAll(driver, 1, [object]);
      const { volumes } = await rebuildAs(driver, object, { name: "made" });
      await driver.renameVolume(volumes[0]?.id ?? "", "renamed");
      // A late copy of its task.
      await rebuildAs(driver, object, { name: "made" });
      const [standIn] = await standInsOf(driver, "restore-1");
      assert.deepEqual([standIn?.madeName, standIn?.object?.name], ["made", "renamed"]);
    });

    kindTest("stays known when it is deleted, with its volumes, as one that is gone", vms, async (driver, storage) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const { kind, id } = await rebuildAs(driver, object);
      const [before] = await standInsOf(driver, "restore-1");
      await driver.deleteRebuilt({ key: "restore-1", owner, object: { kind, id } });
      const reopened = await storage.reopen();
      assert.deepEqual(await standInsOf(reopened, "restore-1"), [{ ...before, object: undefined }]);
    });

    kindTest("of one object by several restores is the last one's, deleted or not", vms, async (driver) => {
      const [vm, volume] = [vmOfSource(), looseVolume()];
      await publishAll(driver, 1, [vm, volume]);
      await rebuildAs(driver, vm);
      await rebuildAs(driver, volume);
      const second = await rebuildAs(driver, vm, { key: "restore-2", name: "second" });
      const ids = async (...keys: string[]) =>
        (await standInsOf(driver, ...keys)).map(({ key, home, object }) => [key, home.kind, object?.id]);
      const [first] = await ids("restore-1");
      assert.deepEqual((await ids("restore-1", "restore-2"))[0], ["restore-2", "vm", second.id]);
      assert.deepEqual((await ids("restore-2", "restore-1"))[0], first);
      assert.equal((await ids("restore-1", "restore-2")).length, 2);
      const asked = { owner, keys: ["restore-1", "restore-2"], objects: [{ kind: vm.kind, id: vm.id }] };
      assert.deepEqual(await driver.standIns(asked), (await standInsOf(driver, ...asked.keys)).slice(0, 1));
      assert.deepEqual(await driver.standIns({ ...asked, objects: [{ kind: "lun", id: vm.id }] }), []);
      const { kind, id } = second;
      await driver.deleteRebuilt({ key: "restore-2", owner, object: { kind, id } });
      assert.deepEqual((await ids("restore-1", "restore-2"))[0], ["restore-2", "vm", undefined]);
    });

    kindTest("of a volume that is a VM's disk as well stands for both", vms, async (driver) => {
      const vm = vmOfSource();
      const disk = looseVolume({ id: vm.volumes[0]?.id ?? "", name: "web-0" });
      for (const [n, order] of [
        [vm, disk],
        [disk, vm],
      ].entries()) {
        if (n === 0) await publishAll(driver, 1, order);
        const key = `order-${n}`;
        for (const object of order) await rebuildAs(driver, object, { key, name: `${object.name}-${n}` });
        const [standIn, other] = await standInsOf(driver, key);
        assert(standIn !== undefined && other !== undefined);
        const both = new Map([standIn, other].map((one) => [one.home.kind, one]));
        assert.equal(both.get("volume")?.volumes[0]?.volumeId, both.get("vm")?.volumes[0]?.volumeId);
        assert.equal(both.get("volume")?.object?.id, both.get("volume")?.volumes[0]?.volumeId);
      }
    });
  });

  describe("a VM", () => {
    kindTest("is switched on and off, each as often as it is asked for; a mirror never is", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const mirror = (await driver.inventory()).find((one) => one.kind === "vm");
      assert(mirror !== undefined);
      const { kind, id } = await rebuildAs(driver, object);
      const power = async () => {
        const [now] = await driver.findObjects([{ kind, id }]);
        return now?.kind === "vm" && now.vm.status;
      };
      for (const [call, status] of [
        [driver.powerOn.bind(driver), "RUNNING"],
        [driver.powerOff.bind(driver), "STOPPED"],
      ] as const) {
        await call({ kind, id });
        await call({ kind, id });
        assert.equal(await power(), status);
        await rejects(call({ kind: "vm", id: mirror.id }), "OBJECT_IS_MIRROR");
        await rejects(call({ kind: "vm", id: "vm-nowhere" }), "VOLUME_UNKNOWN");
      }
    });
  });
};
