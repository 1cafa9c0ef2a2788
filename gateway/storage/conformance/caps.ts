import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectId } from "../control.ts";
import { prepareMirror, storageTest } from "./fixtures.ts";
import { objectOfKind } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** Of snapshots that are of one instant (W5). */
const groupSkewMicrosecondsMax = 1000;

export const capsConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("what a cluster can, and has", () => {
    storageTest("is said before anything is asked of it, and stays so", open, async (driver, storage) => {
      const caps = await driver.caps();
      assert(caps.kinds.length > 0);
      assert(caps.groupSkewMicroseconds !== null && caps.groupSkewMicroseconds <= groupSkewMicrosecondsMax);
      assert.deepEqual((await driver.facilities()).kinds, caps.kinds);
      assert.deepEqual(await (await storage.reopen()).caps(), caps);
    });

    storageTest("objects are found by kind and id, mirrors too, as the inventory has them", open, async (driver) => {
      for (const [kind, name] of [
        ["lun", "a"],
        ["volume", "b"],
        ["volume", "c"],
      ] as const) {
        await driver.createVolume({ kind, name, sizeBytes: 64 * 1024 });
      }
      for (const kind of (await driver.caps()).kinds) await prepareMirror(driver, objectOfKind[kind]());
      const inventory = await driver.inventory();
      const byId = (objects: typeof inventory) => objects.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      assert.deepEqual(
        byId(await driver.findObjects(inventory.map(({ kind, id }) => ({ kind, id })))),
        byId(inventory),
      );
      for (const object of inventory) {
        const { kind, id } = object;
        assert.deepEqual(await driver.findObjects([{ kind, id }]), [object]);
      }
    });

    storageTest("what is not there is not found, nor what is of another kind", open, async (driver) => {
      const { id } = await driver.createVolume({ kind: "lun", name: "a", sizeBytes: 64 * 1024 });
      assert.deepEqual(await driver.findObjects([]), []);
      const others: readonly ObjectId[] = [
        { kind: "volume", id },
        { kind: "nfs-file", id },
        { kind: "vm", id: "vm-0000000000000000" },
        { kind: "lun", id: "nowhere" },
      ];
      assert.deepEqual(await driver.findObjects(others), []);
      const found = await driver.findObjects([...others, { kind: "lun", id }]);
      assert.deepEqual(found, await driver.inventory());
    });
  });
};
