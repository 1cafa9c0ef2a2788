import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildWishes } from "../../../core/api/restore/wishes.ts";
import type { StorageDriver } from "../driver.ts";
import { groupId, owner, readVolume, rejects } from "./fixtures.ts";
import {
  bytesIn,
  fileOfSource,
  isMirror,
  kindTest,
  looseVolume,
  lunOfSource,
  nicOfSource,
  publishAll,
  theOnly,
  vmOfSource,
} from "./objects.ts";
import { smallPool, switchesNamed } from "./places.ts";
import type { ClusterTraits, StorageUnderTest } from "./storage-under-test.ts";

let keys = 0;

/** A rebuild from group 1 with wishes, a restore of its own. */
const wished = (driver: StorageDriver, object: ObjectConfig, wishes: RebuildWishes, name = "again") => {
  keys += 1;
  return driver.rebuildObject({ key: `wish-${keys}`, owner, fromGroupId: groupId(1), object, name, wishes });
};

const nicsOf = (object: ObjectConfig) => (object.kind === "vm" ? object.vm.nics : []);
const macsOf = (object: ObjectConfig) => nicsOf(object).map(({ macAddress }) => macAddress);
const switchesOf = (object: ObjectConfig) => nicsOf(object).map(({ virtualSwitch }) => virtualSwitch);

const ofOrdinary = async (driver: StorageDriver) => (await driver.inventory()).filter((object) => !isMirror(object));

/** What a rebuilt object is to be other than it was (W12). */
export const rebuildWishesConformance = (open: () => Promise<StorageUnderTest>, { hasPools }: ClusterTraits): void => {
  const vms = { kinds: ["vm"], open } as const;
  describe("what is wished for of a rebuild", () => {
    if (hasPools) {
      kindTest(
        "is another pool, of objects of every kind",
        { kinds: ["lun", "volume", "nfs-file", "vm"], open },
        async (driver) => {
          const { name: pool } = await smallPool(driver);
          const usedBytes = async () =>
            (await driver.facilities()).pools.find(({ name }) => name === pool)?.usedBytes ?? 0;
          const objects = [lunOfSource(), looseVolume(), fileOfSource(), vmOfSource()];
          await publishAll(driver, 1, objects);
          for (const object of objects) {
            const before = await usedBytes();
            const name = object.kind === "nfs-file" ? "/exports/e1/again" : `again-${object.kind}`;
            const { volumes } = await wished(driver, object, { pool }, name);
            assert.equal((await usedBytes()) - before, volumes.length * (volumes[0]?.sizeBytes ?? 0), object.kind);
          }
        },
      );
    }

    kindTest("is refused with nothing made: a pool or a switch that is not there", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      await rejects(wished(driver, object, { pool: "nowhere" }), "POOL_UNKNOWN");
      await rejects(wished(driver, object, { switches: { prod: "nowhere" } }), "SWITCH_UNKNOWN");
      assert.deepEqual(await ofOrdinary(driver), []);
    });

    kindTest("is no place among mirrors", { kinds: ["lun", "nfs-file"], open }, async (driver) => {
      const [file, lun] = [fileOfSource(), lunOfSource()];
      await publishAll(driver, 1, [file, lun]);
      const mirrors = await driver.inventory();
      const ofFile = mirrors.find(({ kind }) => kind === "nfs-file");
      const ofLun = mirrors.find(({ kind }) => kind === "lun");
      assert(ofFile?.kind === "nfs-file" && ofLun?.kind === "lun" && ofLun.lun !== undefined && lun.lun !== undefined);
      const among = `/exports/${ofFile.file.export}/again`;
      await rejects(wished(driver, file, {}, among), "OBJECT_IS_MIRROR");
      const inTarget = { ...lun, lun: { ...lun.lun, target: ofLun.lun.target } };
      await rejects(wished(driver, inTarget, {}, "again"), "OBJECT_IS_MIRROR");
      assert.deepEqual(await driver.inventory(), mirrors);
    });

    kindTest("is a switch in the place of another one, and the rest as the group says", vms, async (driver) => {
      const [prod = "", lab = "", other = ""] = await switchesNamed(driver, ["dr-prod", "dr-lab", "dr-other"]);
      const object = vmOfSource();
      await publishAll(driver, 1, [{ object, mapping: { switches: { prod, lab } } }]);
      assert.deepEqual(switchesOf(await wished(driver, object, { switches: { prod: other } }, "one")), [other, lab]);
      // A name of a method is a name as any other.
      assert.deepEqual(switchesOf(await wished(driver, object, { switches: { toString: other } }, "two")), [prod, lab]);
    });

    kindTest("is no connection at all", vms, async (driver) => {
      const [prod = "", lab = ""] = await switchesNamed(driver, ["dr-prod", "dr-lab"]);
      const object = vmOfSource();
      await publishAll(driver, 1, [{ object, mapping: { switches: { prod, lab } } }]);
      const made = await wished(driver, object, { disconnectNics: true, switches: { prod: lab } });
      assert.deepEqual(
        nicsOf(made).map(({ virtualSwitch, vlan, model }) => ({ virtualSwitch, vlan, model })),
        nicsOf(object).map(({ vlan, model }) => ({ virtualSwitch: null, vlan, model })),
      );
    });

    kindTest("is its MAC addresses, unless a VM that is connected has one of them", vms, async (driver) => {
      const [prod = ""] = await switchesNamed(driver, ["dr-prod"]);
      const object = vmOfSource({ vm: { nics: [nicOfSource()] } });
      await publishAll(driver, 1, [{ object, mapping: { switches: { prod } } }]);
      const keepMacs = true;
      assert.deepEqual(macsOf(await wished(driver, object, { keepMacs }, "first")), macsOf(object));
      const before = await ofOrdinary(driver);
      await assert.rejects(wished(driver, object, { keepMacs }, "second"), {
        code: "MAC_ADDRESS_TAKEN",
        message: "“second” can't keep the MAC address 52:54:00:00:00:01: “first” has it.",
      });
      assert.deepEqual(await ofOrdinary(driver), before);
      const apart = await wished(driver, object, { keepMacs, disconnectNics: true }, "apart");
      assert.deepEqual([macsOf(apart), switchesOf(apart)], [macsOf(object), [null]]);
    });

    kindTest("is a VM that is on, once, when it is made", vms, async (driver, storage) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const options = { key: "on", owner, fromGroupId: groupId(1), object, name: "again", wishes: { powerOn: true } };
      const { kind, id } = await driver.rebuildObject(options);
      const statusOf = async (from: StorageDriver) => (await theOnly(from, "vm", (one) => !isMirror(one))).vm.status;
      assert.equal(await statusOf(driver), "RUNNING");
      await driver.administration?.setPower({ kind, id }, "off");
      const before = await statusOf(driver);
      const reopened = await storage.reopen();
      await reopened.rebuildObject(options);
      assert.equal(await statusOf(reopened), before, "a late copy of the task switched it on again");
    });

    kindTest("is a name that is its own: a VM's disks have it before theirs", vms, async (driver) => {
      const object = vmOfSource();
      await publishAll(driver, 1, [object]);
      const disksOf = (made: ObjectConfig) => (made.kind === "vm" ? made.vm.disks.map(({ name }) => name) : []);
      const renamed = await wished(driver, object, {}, "shop");
      assert.deepEqual([renamed.name, disksOf(renamed)], ["shop", ["shop-web-0", "shop-web-2"]]);
      const same = await wished(driver, object, {}, "web");
      assert.deepEqual([same.name, disksOf(same)], ["web", ["web-0", "web-2"]]);
      for (const [n, { id }] of renamed.volumes.entries()) {
        assert((await readVolume(driver, id)).equals(bytesIn(1, object.volumes[n]?.id ?? "")));
      }
    });
  });
};
