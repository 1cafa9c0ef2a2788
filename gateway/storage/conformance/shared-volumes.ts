import assert from "node:assert/strict";
import { describe } from "node:test";
import { groupId, rejects } from "./fixtures.ts";
import { isMirror, kindTest, looseVolume, mirrorOf, prepareAll, publishAll, theOnly, vmOfSource } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** A VM of a plan, and one of its disks, which the plan names by itself as well. */
export const sharedVolumeConformance = (open: () => Promise<StorageUnderTest>): void => {
  const kinds = { kinds: ["vm", "volume"], open } as const;
  const vm = vmOfSource();
  const disk = looseVolume({ id: "volume-00000000000000d1", name: "web-0" });
  describe("a volume that two objects of a run have", () => {
    for (const [order, objects] of Object.entries({ before: [disk, vm], after: [vm, disk] })) {
      kindTest(`has one mirror, which both have, when it comes ${order} the VM`, kinds, async (driver) => {
        const mirrors = await publishAll(driver, 1, objects);
        assert.equal(mirrors.length, vm.volumes.length);
        assert.equal((await driver.findGroup(groupId(1)))?.snapshots.length, vm.volumes.length);
        const mirror = await theOnly(driver, "vm");
        assert(mirror.volumes.some(({ id }) => id === mirrorOf(mirrors, disk.id)));
        assert.equal((await driver.inventory()).filter(isMirror).length, 1 + vm.volumes.length);
        const [kept] = await driver.manifests();
        assert.deepEqual(kept?.manifest.objects, objects);
      });
    }

    kindTest("stays when only one of them is left", kinds, async (driver) => {
      const before = await publishAll(driver, 1, [vm, disk]);
      const after = await publishAll(driver, 2, [disk]);
      assert.deepEqual(
        after.map(({ mirrorVolumeId }) => mirrorVolumeId),
        [mirrorOf(before, disk.id)],
      );
      assert.deepEqual(
        (await driver.inventory()).map(({ kind }) => kind),
        ["volume"],
      );
      await publishAll(driver, 3, [vm]);
      assert.equal((await theOnly(driver, "vm")).volumes.length, vm.volumes.length);
    });

    kindTest("is not changed by a late task about the other one", kinds, async (driver) => {
      await publishAll(driver, 1, [vm, disk]);
      await prepareAll(driver, 3, [{ ...disk, name: "renamed" }]);
      const before = await driver.inventory();
      await rejects(prepareAll(driver, 2, [vm]), "GROUP_STALE");
      assert.deepEqual(await driver.inventory(), before);
    });

    kindTest("by two VMs has one as well, and is in both", kinds, async (driver) => {
      const twin = { ...vmOfSource({ name: "twin" }), id: "vm-00000000000000e0" };
      const mirrors = await prepareAll(driver, 1, [vm, twin]);
      assert.equal(mirrors.length, vm.volumes.length);
      const listed = (await driver.inventory()).filter(({ kind }) => kind === "vm");
      assert.deepEqual(
        listed.map(({ name, volumes }) => [name, volumes.map(({ id }) => id)]).toSorted(),
        ["twin", "web"].map((name) => [name, vm.volumes.map(({ id }) => mirrorOf(mirrors, id))]),
      );
    });
  });
};
