import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildWishes } from "../../../core/api/restore/wishes.ts";
import type { StorageDriver } from "../driver.ts";
import { groupId, owner } from "./fixtures.ts";
import { fileOfSource, kindTest, looseVolume, lunOfSource, nicOfSource, publishAll, vmOfSource } from "./objects.ts";
import { switchesNamed } from "./places.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** What a rebuild of group 1 would be told. */
const optionsOf = (key: string, object: ObjectConfig, wishes: RebuildWishes = {}, name = object.name) => ({
  ...{ key, owner, fromGroupId: groupId(1), object, name, wishes },
});

const codesOf = async (driver: StorageDriver, options: ReturnType<typeof optionsOf>) =>
  (await driver.rebuildObstacles(options)).map(({ code }) => code);

/** What is in the way of a rebuild is known before it is begun. */
export const rebuildObstaclesConformance = (open: () => Promise<StorageUnderTest>): void => {
  const all = { kinds: ["lun", "volume", "nfs-file", "vm"], open } as const;
  describe("what is in the way of a rebuild", () => {
    kindTest("is nothing at a site that has only the mirrors, and is what it made first later", all, async (driver) => {
      const objects = [lunOfSource(), looseVolume(), fileOfSource(), vmOfSource()];
      await publishAll(driver, 1, objects);
      const wishes = { keepLunIds: true, keepMacs: true };
      for (const object of objects) {
        assert.deepEqual(await codesOf(driver, optionsOf("one", object, wishes)), [], object.kind);
        await driver.rebuildObject(optionsOf("one", object, wishes));
      }
      const ways = await driver.rebuildWays(objects);
      assert.equal(ways.length, objects.length);
      for (const { how } of ways) assert.notEqual(how, "none", "what was made just now");
      const before = await driver.inventory();
      for (const object of objects) {
        assert.deepEqual(await codesOf(driver, optionsOf("one", object, wishes)), [], "of the same restore");
        const [first, ...others] = await driver.rebuildObstacles(optionsOf("two", object, wishes));
        assert.ok(first, object.kind);
        await assert.rejects(driver.rebuildObject(optionsOf("two", object, wishes)), {
          ...{ code: first.code, message: first.message },
        });
        if (object.kind === "lun")
          assert.deepEqual(
            [...others].map(({ code }) => code),
            ["LUN_ID_TAKEN"],
          );
      }
      assert.deepEqual(await driver.inventory(), before);
    });

    kindTest(
      "is all of it, of a VM: its name, its disks', and each MAC address",
      { kinds: ["vm"], open },
      async (driver) => {
        const [prod = ""] = await switchesNamed(driver, ["dr-prod"]);
        const nics = [1, 2].map((n) => nicOfSource({ macAddress: `52:54:00:00:00:0${n}`, order: n }));
        const object = vmOfSource({ vm: { nics } });
        await publishAll(driver, 1, [{ object, mapping: { switches: { prod } } }]);
        await driver.rebuildObject(optionsOf("one", object, { keepMacs: true }));
        assert.deepEqual(await codesOf(driver, optionsOf("two", object, { keepMacs: true })), [
          "OBJECT_NAME_TAKEN",
          ...object.volumes.map(() => "VOLUME_NAME_TAKEN"),
          ...nics.map(() => "MAC_ADDRESS_TAKEN"),
        ]);
        assert.deepEqual(await codesOf(driver, optionsOf("two", object, { keepMacs: true }, "other")), [
          ...nics.map(() => "MAC_ADDRESS_TAKEN"),
        ]);
        assert.deepEqual(await codesOf(driver, optionsOf("two", object, { disconnectNics: true }, "other")), []);
      },
    );

    kindTest(
      "is a pool or a switch that is not there, and a group that has nothing of it",
      { kinds: ["vm"], open },
      async (driver) => {
        const object = vmOfSource();
        await publishAll(driver, 1, [object]);
        assert.deepEqual(await codesOf(driver, optionsOf("one", object, { pool: "nowhere" })), ["POOL_UNKNOWN"]);
        assert.deepEqual(await codesOf(driver, optionsOf("one", object, { switches: { prod: "nowhere" } })), [
          "SWITCH_UNKNOWN",
        ]);
        const other = { ...optionsOf("one", object), fromGroupId: groupId(2) };
        assert.deepEqual(await codesOf(driver, other), ["SNAPSHOT_UNKNOWN"]);
      },
    );

    kindTest(
      "is the LUN id, where that is to be kept; else it is another one",
      { kinds: ["lun"], open },
      async (driver) => {
        const [one, two] = [lunOfSource(), { ...lunOfSource({ name: "other" }), id: "lun-00000000000000a2" }];
        const volumes = [{ ...one.volumes[0], id: "volume-00000000000000a2" }] as typeof one.volumes;
        await publishAll(driver, 1, [one, { ...two, volumes }]);
        await driver.rebuildObject(optionsOf("one", one, {}, "a"));
        const again = optionsOf("two", { ...two, volumes }, { keepLunIds: true }, "b");
        assert.deepEqual(await codesOf(driver, again), ["LUN_ID_TAKEN"]);
        await assert.rejects(driver.rebuildObject(again), { code: "LUN_ID_TAKEN" });
        const made = await driver.rebuildObject(optionsOf("two", { ...two, volumes }, {}, "b"));
        assert.ok(made.kind === "lun" && made.lun !== undefined && made.lun.lunId !== 7);
      },
    );
  });
};
