import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { StorageDriver } from "../driver.ts";
import type { RollbackOptions } from "../rollback.ts";
import {
  groupId,
  noise,
  owner,
  plain,
  readVolume,
  rejects,
  snapshotOf,
  storageTest,
  strangers,
  striped,
  tokensOf,
  volumeOf,
  write,
} from "./fixtures.ts";
import type { ClusterTraits, StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

export const disk = (driver: StorageDriver, name: string, geometry = plain): Promise<ObjectConfig> =>
  driver.createVolume({ name, kind: "volume", sizeBytes: 1536 * KiB, geometry });

/** The n-th group, of these objects as they are now. A number that a run has, or none. */
export const take = async (driver: StorageDriver, n: number, ids: readonly ObjectConfig[], sequence?: number) => {
  const objects = await driver.findObjects(ids);
  const volumeIds = objects.flatMap(({ volumes }) => volumes.map(({ id }) => id));
  return driver.snapshotGroup({ groupId: groupId(n), owner, objects, volumeIds, ...(sequence && { sequence }) });
};

/** Back to the n-th group; the `key`-th has what is there now. */
export const back = (
  n: number,
  key: number,
  objects: readonly ObjectConfig[],
  more: Partial<RollbackOptions> = {},
): RollbackOptions => ({
  ...{ key: groupId(key), owner, from: { groupId: groupId(n), owner }, discardChanges: true },
  objects: objects.map(({ kind, id }) => ({ kind, id })),
  ...more,
});

const fill = (driver: StorageDriver, object: ObjectConfig, seed: number, offset = 0) =>
  write(driver, volumeOf(object).id, [offset, noise(512 * KiB, seed)]);
const contentOf = (driver: StorageDriver, object: ObjectConfig) => readVolume(driver, volumeOf(object).id);

export const rollbackConformance = (open: () => Promise<StorageUnderTest>, { isConsole }: ClusterTraits): void => {
  describe("objects that are rolled back", () => {
    storageTest(
      "are what the group has, with the ids that they had, and can be rolled forward again",
      open,
      async (driver, storage) => {
        const objects = [await disk(driver, "one"), await disk(driver, "two", striped)];
        for (const [n, object] of objects.entries()) await fill(driver, object, n);
        await take(driver, 1, objects, 1);
        const before = [
          await driver.inventory(),
          await Promise.all(objects.map((object) => contentOf(driver, object))),
        ];
        for (const [n, object] of objects.entries()) await fill(driver, object, 10 + n, 300 * KiB);
        const changed = await Promise.all(objects.map((object) => contentOf(driver, object)));
        await take(driver, 2, objects);
        const told = await driver.rollback(back(1, 2, objects));
        assert.deepEqual(
          told.map(({ id, lostExtents, takenOut, cameBack }) => [id, lostExtents, takenOut, cameBack]),
          objects.map(({ id }) => [id, 0, [], []]),
        );
        const reopened = await storage.reopen();
        const now = async () => Promise.all(objects.map((object) => contentOf(reopened, object)));
        assert.deepEqual([await reopened.inventory(), await now()], before);
        await take(reopened, 3, objects);
        await reopened.rollback(back(2, 3, objects));
        assert.deepEqual(await now(), changed);
      },
    );

    storageTest(
      "have the tokens of the group's snapshots where they can be swapped: the next backup is an increment",
      open,
      async (driver) => {
        if (!(await driver.caps()).swap) return;
        const object = await disk(driver, "one");
        await fill(driver, object, 1);
        await take(driver, 1, [object], 1);
        await fill(driver, object, 2);
        await take(driver, 2, [object]);
        await driver.rollback(back(1, 2, [object]));
        await take(driver, 3, [object], 3);
        const { id } = volumeOf(object);
        const tokens = async (n: number) => tokensOf(driver, await snapshotOf(driver, groupId(n), id));
        assert.deepEqual(await tokens(3), await tokens(1));
      },
    );

    storageTest(
      "are so once: what is written afterwards no late copy of the task takes away",
      open,
      async (driver, storage) => {
        const object = await disk(driver, "one");
        await take(driver, 1, [object], 1);
        await fill(driver, object, 1);
        await take(driver, 2, [object]);
        const told = await driver.rollback(back(1, 2, [object]));
        await fill(driver, object, 3);
        const after = await contentOf(driver, object);
        const reopened = await storage.reopen();
        assert.deepEqual(await reopened.rollback(back(1, 2, [object])), told);
        assert.deepEqual(await reopened.undoRollback({ key: groupId(2), owner }), { wasDone: true });
        assert.ok((await contentOf(reopened, object)).equals(after));
      },
    );

    storageTest("I12: are not, while anything has changed, unless that is to be given up", open, async (driver) => {
      const objects = [await disk(driver, "one"), await disk(driver, "two")];
      const [one, two] = objects as [ObjectConfig, ObjectConfig];
      await take(driver, 1, objects, 1);
      await driver.rollback(back(1, 2, objects, { discardChanges: false }));
      await fill(driver, two, 1);
      await take(driver, 3, objects);
      await rejects(driver.rollback(back(1, 3, objects, { discardChanges: false })), "CHANGED_SINCE");
      assert.ok((await contentOf(driver, two)).subarray(0, 512 * KiB).equals(noise(512 * KiB, 1)));
      await driver.rollback(back(1, 4, [one], { discardChanges: false }));
      // What was written since the safety group was taken is in none, and told.
      await fill(driver, two, 2, 1024 * KiB);
      assert.deepEqual(
        (await driver.rollback(back(1, 3, objects))).map(({ lostExtents }) => lostExtents),
        [0, 2],
      );
    });

    storageTest("need a safety group of what has changed", open, async (driver) => {
      const object = await disk(driver, "one");
      await take(driver, 1, [object], 1);
      await fill(driver, object, 1);
      const before = await contentOf(driver, object);
      await rejects(driver.rollback(back(1, 2, [object])), "OBJECT_BUSY");
      assert.ok((await contentOf(driver, object)).equals(before));
    });

    storageTest("are told before: in how many extents they differ, and since when", open, async (driver) => {
      const objects = [await disk(driver, "one"), await disk(driver, "two")];
      const [one, two] = objects as [ObjectConfig, ObjectConfig];
      await fill(driver, one, 1);
      await take(driver, 1, objects, 1);
      const since = async (n: number) => {
        const found = await driver.changesSince({ owner, groupId: groupId(n), objects });
        return found.map(({ id, extents, since: at, usedBy }) => [id, extents, at, usedBy]);
      };
      assert.deepEqual(
        await since(1),
        objects.map(({ id }) => [id, 0, undefined, undefined]),
      );
      await fill(driver, one, 1);
      assert.deepEqual((await since(1))[0], [one.id, 0, undefined, undefined]);
      const second = await take(driver, 2, objects, 2);
      await fill(driver, one, 5);
      await take(driver, 3, objects, 3);
      assert.deepEqual(await since(1), [
        [one.id, 2, second.takenAt, undefined],
        [two.id, 0, undefined, undefined],
      ]);
      assert.deepEqual((await since(9))[0], [one.id, undefined, undefined, undefined]);
      await rejects(driver.changesSince({ owner: strangers[0] ?? owner, groupId: groupId(1), objects }), "NOT_OURS");
    });

    storageTest("are there, and nobody writes them", open, async (driver) => {
      const objects = [await disk(driver, "one"), await disk(driver, "two")];
      const [one, two] = objects as [ObjectConfig, ObjectConfig];
      await take(driver, 1, objects, 1);
      // Who else writes a volume a driver knows only of what it has opened itself.
      const handle = isConsole ? await driver.openVolume(volumeOf(one).id, "write") : undefined;
      if (handle !== undefined) {
        const { usedBy } = (await driver.changesSince({ owner, groupId: groupId(1), objects }))[0] ?? {};
        assert.match(usedBy?.why ?? "", /“one” is open for writing/);
        await rejects(driver.rollback(back(1, 2, objects)), "OBJECT_BUSY");
        await handle.close();
      }
      await driver.deleteVolume(volumeOf(two).id);
      await rejects(driver.rollback(back(1, 2, objects)), "OBJECT_GONE");
      assert.equal((await driver.changesSince({ owner, groupId: groupId(1), objects })).length, 1);
      await rejects(driver.rollback(back(9, 2, [one])), "SNAPSHOT_UNKNOWN");
    });

    storageTest("are nobody else's: neither the group, nor the rollback", open, async (driver) => {
      const object = await disk(driver, "one");
      await take(driver, 1, [object], 1);
      await driver.rollback(back(1, 2, [object]));
      for (const stranger of strangers) {
        const from = { groupId: groupId(1), owner: stranger };
        await rejects(driver.rollback(back(1, 3, [object], { owner: stranger, from })), "NOT_OURS");
        await rejects(driver.rollback(back(1, 2, [object], { owner: stranger })), "NOT_OURS");
        await rejects(driver.undoRollback({ key: groupId(2), owner: stranger }), "NOT_OURS");
      }
    });

    storageTest(
      "that were given up before are not rolled back by a late copy of the task, nor snapshotted for it",
      open,
      async (driver) => {
        const object = await disk(driver, "one");
        await take(driver, 1, [object], 1);
        assert.deepEqual(await driver.undoRollback({ key: groupId(2), owner }), { wasDone: false });
        await rejects(driver.rollback(back(1, 2, [object])), "ROLLBACK_ENDED");
        await rejects(take(driver, 2, [object]), "GROUP_STALE");
      },
    );
  });
};
