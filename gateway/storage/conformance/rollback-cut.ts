import assert from "node:assert/strict";
import { describe } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { StorageDriver } from "../driver.ts";
import { groupId, noise, owner, readVolume, rejects, storageTest, volumeOf, write } from "./fixtures.ts";
import { back, disk, take } from "./rollback.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

/** Two disks that were changed after the first group, and as they were and are. */
const changed = async (driver: StorageDriver) => {
  const objects = [await disk(driver, "one"), await disk(driver, "two")];
  const all = () => Promise.all(objects.map((object) => readVolume(driver, volumeOf(object).id)));
  const fill = async (seed: number) => {
    for (const object of objects) await write(driver, volumeOf(object).id, [0, noise(1536 * KiB, seed)]);
  };
  await fill(1);
  await take(driver, 1, objects, 1);
  const old = await all();
  await fill(2);
  const now = await all();
  await take(driver, 2, objects);
  return { objects, old, now };
};

/** Ends a rollback after so many extents. @returns whether it was cut */
const cutAfter = async (driver: StorageDriver, objects: readonly ObjectConfig[], extents: number): Promise<boolean> => {
  const cutting = new AbortController();
  let written = 0;
  const onMoved = () => {
    written += 1;
    if (written === extents) cutting.abort();
  };
  return driver.rollback(back(1, 2, objects), { signal: cutting.signal, onMoved }).then(
    () => false,
    () => true,
  );
};

const readAllOf = (driver: StorageDriver, objects: readonly ObjectConfig[]) =>
  Promise.all(objects.map((object) => readVolume(driver, volumeOf(object).id)));

const refusedToAll = async (driver: StorageDriver, objects: readonly ObjectConfig[]) => {
  for (const object of objects) {
    const { id } = volumeOf(object);
    for (const mode of ["read", "write"] as const) await rejects(driver.openVolume(id, mode), "ROLLBACK_UNFINISHED");
    await rejects(take(driver, 3, [object], 3), "ROLLBACK_UNFINISHED");
    await rejects(driver.deleteVolume(id), "ROLLBACK_UNFINISHED");
    if (driver.stageVolume) await rejects(driver.stageVolume({ into: id }), "ROLLBACK_UNFINISHED");
  }
  await rejects(driver.rollback(back(1, 4, objects)), "ROLLBACK_UNFINISHED");
  for (const n of [1, 2]) await rejects(driver.deleteGroup({ groupId: groupId(n), owner }), "ROLLBACK_UNFINISHED");
};

/** Of twelve extents in all. Where there is a swap, nothing is ever cut. */
const cuts = [1, 6, 7, 11];

export const rollbackCutConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("a rollback that is cut", () => {
    for (const extents of cuts) {
      const after = `after ${extents} extents`;
      storageTest(
        `${after} leaves nobody half of each, and is finished by the next try`,
        open,
        async (driver, storage) => {
          const { objects, old } = await changed(driver);
          const { swap } = await driver.caps();
          const isCut = await cutAfter(driver, objects, extents);
          assert.ok(swap || isCut);
          const reopened = await storage.reopen();
          if (!swap) {
            await refusedToAll(reopened, objects);
            assert.deepEqual(await reopened.unfinishedRollbacks(objects), [{ key: groupId(2), owner }]);
          }
          await reopened.rollback(back(1, 2, objects));
          assert.deepEqual(await readAllOf(reopened, objects), old);
          assert.deepEqual(await reopened.unfinishedRollbacks(objects), []);
        },
      );

      storageTest(
        `${after} can be undone, also where that is cut, and is not begun again`,
        open,
        async (driver, storage) => {
          const { objects, old, now } = await changed(driver);
          const { swap } = await driver.caps();
          await cutAfter(driver, objects, extents);
          await driver.undoRollback({ key: groupId(2), owner }, { signal: AbortSignal.abort() }).catch(() => undefined);
          const reopened = await storage.reopen();
          assert.deepEqual(await reopened.undoRollback({ key: groupId(2), owner }), { wasDone: swap });
          assert.deepEqual(await readAllOf(reopened, objects), swap ? old : now);
          if (!swap) await rejects(reopened.rollback(back(1, 2, objects)), "ROLLBACK_ENDED");
          await take(reopened, 3, objects, 3);
        },
      );
    }
  });
};
