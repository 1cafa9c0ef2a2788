import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import {
  createVolume,
  groupId,
  owner,
  prepareMirror,
  publish,
  sendAll,
  sourceObject,
  storageTest,
  strangers,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const volumeIds: readonly string[] = [];
const objectNamed = (name: string): ObjectConfig => ({ ...sourceObject(), id: `lun-${name}`, name });
const [a, b, c] = [objectNamed("a"), objectNamed("b"), objectNamed("c")];

/**
 * The manifest that a source keeps: local restore points are complete without the control plane.
 */
export const sourceGroupConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("a group of the plan's own objects", () => {
    storageTest("keeps what it was taken of, and gives it as it was told", open, async (driver, storage) => {
      const id = await createVolume(driver);
      const kept = {
        objects: [a, b],
        because: [1, 0],
        gone: [{ kind: "vm", id: "vm-1", name: "web", named: true, lastSequence: 3 }],
        warnings: [{ code: "OBJECT_UNUSABLE", message: "The VM “x” can't be used." }],
        planName: "daily",
      } as const;
      const options = { groupId: groupId(4), owner, volumeIds: [id], sequence: 4 };
      const group = await driver.snapshotGroup({ ...options, ...kept });
      const { objects, because, gone, warnings, planName } = group;
      assert.deepEqual({ objects, because, gone, warnings, planName }, kept);
      assert.deepEqual(
        await driver.snapshotGroup({ ...options, objects: [c] }),
        group,
        "what is told later is not taken over",
      );
      const reopened = await storage.reopen();
      assert.deepEqual(await reopened.findGroup(groupId(4)), group);
      assert.deepEqual(await reopened.newestSourceGroup(owner), group);
    });

    storageTest("keeps nothing where it was told nothing", open, async (driver) => {
      const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [await createVolume(driver)] });
      const { objects, because, gone, warnings, planName } = group;
      assert.deepEqual(
        [objects, because, gone, warnings, planName],
        [null, undefined, undefined, undefined, undefined],
      );
    });

    storageTest(
      "has each of its objects by kind and id, as it was told to keep it, and no others",
      open,
      async (driver) => {
        await driver.snapshotGroup({
          groupId: groupId(1),
          owner,
          volumeIds: [await createVolume(driver)],
          objects: [a, b],
        });
        const find = (of: number, { kind, id }: Pick<ObjectConfig, "kind" | "id">) =>
          driver.objectOfGroup({ groupId: groupId(of), object: { kind, id } });
        for (const object of [a, b]) assert.deepEqual(await find(1, object), object);
        assert.equal(await find(1, { ...a, kind: "vm" }), undefined);
        assert.equal(await find(1, c), undefined);
        assert.equal(await find(2, a), undefined);
      },
    );

    storageTest("has each volume once, however often it is told", open, async (driver) => {
      const [one, two] = [await createVolume(driver), await createVolume(driver, { name: "other" })];
      const told = [one, two, one];
      const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: told });
      assert.deepEqual(
        group.snapshots.map(({ volumeId }) => volumeId),
        [one, two],
      );
    });

    storageTest(
      "is found by its plan and protected site: the newest, and of an object the newest that has it",
      open,
      async (driver) => {
        const taken = [
          [1, [a, b]],
          [2, [b]],
          [3, [b, c]],
        ] as const;
        for (const [sequence, objects] of taken) {
          await driver.snapshotGroup({ groupId: groupId(sequence), owner, volumeIds, sequence, objects });
        }
        for (const [index, stranger] of strangers.entries()) {
          const of = { groupId: groupId(20 + index), owner: stranger, volumeIds, sequence: 9, objects: [a] };
          await driver.snapshotGroup(of);
        }
        // A published group is no source's.
        const mirror = await prepareMirror(driver, a);
        await sendAll(driver, mirror, { group: 8, bytes: Buffer.alloc(1024 * 1024) });
        await publish(driver, 8, mirror);
        assert.equal((await driver.newestSourceGroup(owner))?.groupId, groupId(3));
        const objects = [a, b, c, objectNamed("d"), { ...b, kind: "volume" } as const];
        const last = async () =>
          Object.fromEntries(
            (await driver.lastSequences({ owner, objects })).map(({ id, kind, sequence }) => [
              `${kind} ${id}`,
              sequence,
            ]),
          );
        assert.deepEqual(await last(), { "lun lun-a": 1, "lun lun-b": 3, "lun lun-c": 3 });
        await driver.deleteGroup({ groupId: groupId(3), owner });
        assert.deepEqual(await last(), { "lun lun-a": 1, "lun lun-b": 2 });
        assert.equal((await driver.newestSourceGroup(owner))?.groupId, groupId(2));
        for (const sequence of [1, 2]) await driver.deleteGroup({ groupId: groupId(sequence), owner });
        assert.equal(await driver.newestSourceGroup(owner), undefined);
        assert.deepEqual(await last(), {});
      },
    );
  });
};
