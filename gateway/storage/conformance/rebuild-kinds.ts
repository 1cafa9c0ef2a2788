import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { ClusterAdministration } from "../administration.ts";
import { groupId, noise, owner, readVolume, rejects, write } from "./fixtures.ts";
import {
  bytesIn,
  fileOfSource,
  isMirror,
  kindTest,
  lunOfSource,
  nicOfSource,
  objectOfKind,
  publishAll,
  theOnly,
  vmOfSource,
} from "./objects.ts";
import { switchesNamed } from "./places.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** A VM of two disks, a CD-ROM between them, and two NICs, of which one is connected. */
const makeVm = async (administration: ClusterAdministration): Promise<ObjectConfig> => {
  const disk = { size: 64 * 1024, bus: "VIRTIO" } as const;
  const nic = { model: "VIRTIO", enabled: true } as const;
  const [vm] = await administration.createObjects([
    {
      ...{ kind: "vm", name: "web", cpu: { cores: 1, sockets: 1 }, memory: 2 ** 30, firmware: "BIOS", ha: true },
      disks: [disk, { cdRom: "tools.iso", bus: "IDE" }, disk],
      nics: [{ ...nic, switch: "prod" }, nic],
    },
  ]);
  assert(vm !== undefined);
  return vm;
};

const fromGroup = (group: number) => ({ owner, fromGroupId: groupId(group) });

/** A rebuild of every kind gives what the source had, as an object that can be used (W12). */
export const rebuildKindsConformance = (open: () => Promise<StorageUnderTest>): void => {
  const vms = { kinds: ["vm"], open } as const;
  const files = { kinds: ["nfs-file"], open } as const;
  describe("a rebuild", () => {
    kindTest("of a LUN has its target with its settings, and its LUN id", { kinds: ["lun"], open }, async (driver) => {
      const object = lunOfSource();
      await publishAll(driver, 1, [object]);
      await driver.rebuildObject({ ...fromGroup(1), key: "1", object, name: "again" });
      const rebuilt = await theOnly(driver, "lun", (one) => !isMirror(one));
      assert.deepEqual([rebuilt.name, rebuilt.lun], ["again", object.lun]);
    });

    kindTest(
      "of a file lies under the name that is given, in its export, made where missing",
      files,
      async (driver) => {
        const object = fileOfSource();
        await publishAll(driver, 1, [object]);
        const options = { ...fromGroup(1), object };
        await driver.rebuildObject({ ...options, key: "1", name: "/exports/e1/vm/images/again-web.vmdk" });
        const rebuilt = await theOnly(driver, "nfs-file", (one) => !isMirror(one));
        assert.deepEqual(rebuilt.file, { ...object.file, path: "vm/images/again-web.vmdk" });
        assert.equal(rebuilt.name, "/exports/e1/vm/images/again-web.vmdk");
        assert(
          (await readVolume(driver, rebuilt.volumes[0]?.id ?? "")).equals(bytesIn(1, object.volumes[0]?.id ?? "")),
        );
        await driver.rebuildObject({ ...options, key: "2", name: object.name });
        await rejects(driver.rebuildObject({ ...options, key: "3", name: object.name }), "OBJECT_NAME_TAKEN");
      },
    );

    kindTest("of a VM is switched off, and has its resources, disks and bytes", vms, async (driver, storage) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const options = { ...fromGroup(1), key: "1", object, name: "again-web" };
      const made = await driver.rebuildObject(options);
      const reopened = await storage.reopen();
      assert.deepEqual(await reopened.rebuildObject(options), made);
      const rebuilt = await theOnly(reopened, "vm", (one) => !isMirror(one));
      assert.deepEqual(rebuilt, made);
      const { disks, nics, ...resources } = rebuilt.vm;
      const { disks: sourceDisks, nics: _, ...sourceResources } = object.vm;
      assert.deepEqual(resources, { ...sourceResources, status: "STOPPED" });
      assert.deepEqual(
        disks.map(({ bus, index, boot }) => ({ bus, index, boot })),
        sourceDisks.map(({ bus, index, boot }) => ({ bus, index, boot })),
      );
      for (const [n, { volumeId }] of disks.entries()) {
        assert((await readVolume(reopened, volumeId)).equals(bytesIn(1, object.volumes[n]?.id ?? "")));
        await write(reopened, volumeId, [0, Buffer.alloc(4096, 1)]);
      }
      assert.equal(nics.length, object.vm.nics.length);
      assert.deepEqual(rebuilt.origin, {
        planId: owner.planId,
        siteId: owner.source,
        role: "rebuilt",
        planName: "daily",
      });
    });

    kindTest("of a VM is connected as its mirror was in that group, and else not at all", vms, async (driver) => {
      const [prod = "", other = ""] = await switchesNamed(driver, ["dr-prod", "dr-other"]);
      const object = vmOfSource();
      await publishAll(driver, 1, [{ object, mapping: { switches: { prod } } }]);
      await publishAll(driver, 2, [{ object, mapping: { switches: { prod: other } } }]);
      await driver.rebuildObject({ ...fromGroup(1), key: "1", object, name: "again" });
      const { vm } = await theOnly(driver, "vm", (one) => !isMirror(one));
      assert.deepEqual(
        vm.nics.map(({ macAddress: _, ...nic }) => nic),
        object.vm.nics.map(({ macAddress: _, ...nic }, n) => ({ ...nic, virtualSwitch: n === 0 ? prod : null })),
      );
    });

    kindTest("of a VM has MAC addresses that neither its source nor another VM has", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const made = await Promise.all(
        ["1", "2"].map((key) => driver.rebuildObject({ ...fromGroup(1), key, object, name: `again ${key}` })),
      );
      const macs = [object, ...made].flatMap((one) => (one.kind === "vm" ? one.vm.nics : []));
      assert.equal(new Set(macs.map(({ macAddress }) => macAddress)).size, 3 * object.vm.nics.length);
    });

    kindTest("of a VM of this cluster is connected as the VM was, with addresses of its own", vms, async (driver) => {
      const { administration } = driver;
      // Elsewhere the test has no VM.
      if (administration === undefined) return;
      await switchesNamed(driver, ["prod"]);
      const object = await makeVm(administration);
      const volumeIds = object.volumes.map(({ id }) => id);
      for (const [n, id] of volumeIds.entries()) await write(driver, id, [0, noise(4096, n)]);
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds, objects: [object] });
      for (const id of volumeIds) await write(driver, id, [0, noise(4096, 9)]);
      const clone = await driver.rebuildObject({ ...fromGroup(1), key: "1", object, name: "clone" });
      assert(clone.kind === "vm" && object.kind === "vm");
      assert.deepEqual(
        clone.vm.nics.map(({ virtualSwitch }) => virtualSwitch),
        ["prod", null],
      );
      const macs = [...clone.vm.nics, ...object.vm.nics].map(({ macAddress }) => macAddress);
      assert.equal(new Set(macs).size, macs.length);
      assert.deepEqual(
        clone.vm.disks.map(({ index, boot }) => [index, boot]),
        object.vm.disks.map(({ index, boot }) => [index, boot]),
      );
      for (const [n, { id }] of clone.volumes.entries()) {
        assert((await readVolume(driver, id)).subarray(0, 4096).equals(noise(4096, n)));
      }
    });

    kindTest("of a VM needs a free name, and all of its snapshots", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const options = { ...fromGroup(1), key: "1", object };
      const more = vmOfSource({
        disks: [
          ...object.vm.disks.map(({ volumeId, index }) => ({ id: volumeId.slice(7), index })),
          { id: "00000000000000d9", index: 5 },
        ],
      });
      await rejects(driver.rebuildObject({ ...options, object: more, name: "web" }), "SNAPSHOT_UNKNOWN");
      assert.equal((await driver.inventory()).filter((one) => !isMirror(one)).length, 0);
      await driver.rebuildObject({ ...options, name: "web" });
      await rejects(driver.rebuildObject({ ...options, key: "2", name: "web" }), "OBJECT_NAME_TAKEN");
    });

    kindTest("of a VM that was deleted is not made again by a late copy of its task", vms, async (driver, storage) => {
      const { administration } = driver;
      if (administration === undefined) return;
      const object = vmOfSource({ vm: { nics: [nicOfSource()] } });
      await publishAll(driver, 1, [object]);
      const options = { ...fromGroup(1), key: "1", object, name: "again" };
      const { kind, id } = await driver.rebuildObject(options);
      await administration.deleteObject({ kind, id });
      const reopened = await storage.reopen();
      await rejects(reopened.rebuildObject(options), "VOLUME_UNKNOWN");
      assert.deepEqual(
        (await reopened.inventory()).filter((one) => !isMirror(one)),
        [],
      );
    });

    kindTest(
      "outlives its group and the mirror",
      { kinds: ["lun", "volume", "nfs-file", "vm"], open },
      async (driver) => {
        const objects = Object.values(objectOfKind).map((make) => make());
        await publishAll(driver, 1, objects);
        for (const [n, object] of objects.entries()) {
          await driver.rebuildObject({ ...fromGroup(1), key: `${n}`, object, name: object.name });
        }
        await publishAll(driver, 2, [objectOfKind.volume()]);
        await driver.deleteGroup({ groupId: groupId(1), owner });
        const rebuilt = (await driver.inventory()).filter((one) => !isMirror(one));
        assert.deepEqual(new Set(rebuilt.map(({ kind }) => kind)), new Set(["lun", "volume", "nfs-file", "vm"]));
        for (const { volumes } of rebuilt) for (const { id } of volumes) await readVolume(driver, id);
      },
    );
  });
};
