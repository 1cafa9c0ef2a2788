import assert from "node:assert/strict";
import { describe } from "node:test";
import type { StorageDriver } from "../driver.ts";
import { groupId, owner, rejects, sender } from "./fixtures.ts";
import { fileOfSource, isMirror, kindTest, looseVolume, lunOfSource, prepareAll, vmOfSource } from "./objects.ts";
import { smallPool, switchesNamed } from "./places.ts";
import type { ClusterTraits, StorageUnderTest } from "./storage-under-test.ts";

const usedBytes = async (driver: StorageDriver, pool: string): Promise<number> => {
  const found = (await driver.facilities()).pools.find(({ name }) => name === pool);
  assert(found?.usedBytes !== undefined);
  return found.usedBytes;
};

const sized = (sizeBytes: number) => {
  const volume = looseVolume();
  return { ...volume, volumes: volume.volumes.map((shape) => ({ ...shape, sizeBytes })) };
};

/** Of a cluster that has other pools than `default`. */
const poolConformance = (open: () => Promise<StorageUnderTest>): void => {
  const volumes = { kinds: ["volume"], open } as const;
  const vms = { kinds: ["vm"], open } as const;
  describe("the pool that a mirror is mapped to", () => {
    kindTest("its volumes count in the pool that is named", volumes, async (driver) => {
      const pool = await smallPool(driver);
      const before = await usedBytes(driver, pool.name);
      await prepareAll(driver, 1, [{ object: sized(2 ** 20), mapping: { pool: pool.name, switches: {} } }]);
      assert.equal((await usedBytes(driver, pool.name)) - before, 2 ** 20);
    });

    kindTest("they move to another pool with the mapping", volumes, async (driver) => {
      const pool = await smallPool(driver);
      const before = await usedBytes(driver, pool.name);
      await prepareAll(driver, 1, [sized(2 ** 20)]);
      assert.equal(await usedBytes(driver, pool.name), before);
      await prepareAll(driver, 2, [{ object: sized(2 ** 20), mapping: { pool: pool.name, switches: {} } }]);
      assert.equal((await usedBytes(driver, pool.name)) - before, 2 ** 20);
    });

    kindTest(
      "a pool that is too small is refused, for a mirror that grew too, which stays",
      volumes,
      async (driver) => {
        const pool = await smallPool(driver);
        const mapping = { pool: pool.name, switches: {} };
        await rejects(prepareAll(driver, 1, [{ object: sized(pool.freeBytes + 65_536), mapping }]), "POOL_FULL");
        assert.deepEqual(await driver.inventory(), []);
        await prepareAll(driver, 2, [{ object: sized(pool.freeBytes), mapping }]);
        const made = await driver.inventory();
        await prepareAll(driver, 3, [{ object: sized(pool.freeBytes), mapping }]);
        await rejects(prepareAll(driver, 4, [{ object: sized(pool.freeBytes + 65_536), mapping }]), "POOL_FULL");
        assert.deepEqual(await driver.inventory(), made);
      },
    );

    kindTest("a pool that is too small for all of a VM gets none of it", vms, async (driver) => {
      const pool = await smallPool(driver);
      const sizeBytes = pool.freeBytes / 2 + 65_536;
      const object = vmOfSource({
        disks: [
          { id: "00000000000000d1", index: 0, sizeBytes },
          { id: "00000000000000d2", index: 1, sizeBytes },
        ],
      });
      await rejects(prepareAll(driver, 1, [{ object, mapping: { pool: pool.name, switches: {} } }]), "POOL_FULL");
      assert.deepEqual(await driver.inventory(), []);
      assert.equal((await smallPool(driver)).freeBytes, pool.freeBytes);
    });
  });
};

/**
 * Where mirrors lie and what they are connected to, and what is refused before
 * anything is made (W7, W10).
 */
export const mappingConformance = (open: () => Promise<StorageUnderTest>, { hasPools }: ClusterTraits): void => {
  const volumes = { kinds: ["volume"], open } as const;
  const vms = { kinds: ["vm"], open } as const;
  if (hasPools) poolConformance(open);
  describe("what a mirror is mapped to", () => {
    kindTest("a pool that isn't there is refused, and nothing is made", volumes, async (driver) => {
      const mapping = { pool: "nowhere", switches: {} };
      for (const object of [looseVolume(), lunOfSource()]) {
        await rejects(prepareAll(driver, 1, [{ object, mapping }]), "POOL_UNKNOWN");
      }
      assert.deepEqual(await driver.inventory(), []);
    });

    kindTest("a switch that isn't there is refused, and a mirror stays as it was", vms, async (driver) => {
      const mapping = { switches: { prod: "nowhere" } };
      await rejects(prepareAll(driver, 1, [{ object: vmOfSource(), mapping }]), "SWITCH_UNKNOWN");
      assert.deepEqual(await driver.inventory(), []);
      await prepareAll(driver, 1, [vmOfSource()]);
      const made = await driver.inventory();
      await rejects(prepareAll(driver, 2, [{ object: vmOfSource({ name: "renamed" }), mapping }]), "SWITCH_UNKNOWN");
      assert.deepEqual(await driver.inventory(), made);
    });

    kindTest("a switch that no NIC uses need not be there", vms, async (driver) => {
      await prepareAll(driver, 1, [{ object: vmOfSource(), mapping: { switches: { unused: "nowhere" } } }]);
      assert.equal((await driver.inventory()).filter(({ kind }) => kind === "vm").length, 1);
    });

    kindTest(
      "a target that isn't a mirror's and has a mirror's name is refused",
      { kinds: ["lun"], open },
      async (driver) => {
        const target = `mirror.${owner.source}.${owner.planId}.iscsi`;
        await driver.createVolume({ kind: "lun", name: "squatter", sizeBytes: 65_536, lun: { target } });
        await rejects(prepareAll(driver, 1, [lunOfSource()]), "OBJECT_NAME_TAKEN");
        assert.deepEqual((await driver.inventory()).filter(isMirror), []);
      },
    );

    kindTest(
      "so is an export that somebody made, also while it is empty",
      { kinds: ["nfs-file"], open },
      async (driver) => {
        // Where exports are somebody else's to make, the next one of that name is as well.
        if (driver.administration === undefined) return;
        const name = `mirror.${owner.source}.${owner.planId}.e1`;
        await driver.administration.createObjects([{ kind: "nfs-export", name }]);
        await rejects(prepareAll(driver, 1, [fileOfSource()]), "OBJECT_NAME_TAKEN");
        assert.deepEqual(await driver.inventory(), []);
      },
    );

    kindTest("preparing twice is preparing once", vms, async (driver) => {
      const [prod = ""] = await switchesNamed(driver, ["dr-prod"]);
      const run = { groupId: groupId(1), sequence: 1, index: 0, sender };
      const options = { owner, object: vmOfSource(), mapping: { switches: { prod } }, run };
      const mirrors = await driver.prepareMirror(options);
      const made = await driver.inventory();
      assert.deepEqual(await driver.prepareMirror(options), mirrors);
      assert.deepEqual(await driver.inventory(), made);
    });
  });
};
