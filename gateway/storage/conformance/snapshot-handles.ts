import assert from "node:assert/strict";
import { describe } from "node:test";
import type { WantedSnapshot } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import type { SnapshotHandle } from "../volume-io.ts";
import { createVolume, groupId, noise, owner, readAll, rejects, snapshotOf, storageTest, write } from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const bytes = noise(1024 * 1024, 1);

const snapshotted = async (driver: StorageDriver): Promise<WantedSnapshot> => {
  const id = await createVolume(driver);
  await write(driver, id, [0, bytes]);
  await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
  const snapshotId = await snapshotOf(driver, groupId(1), id);
  return { snapshotId, of: { groupId: groupId(1), owner } };
};

export const snapshotHandleConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("a snapshot that is open", () => {
    storageTest("is read by whoever has its handle, which is plain data", open, async (driver) => {
      const wanted = await snapshotted(driver);
      const handle = await driver.openSnapshot(wanted);
      const sent = JSON.parse(JSON.stringify(handle)) as SnapshotHandle;
      assert.deepEqual(sent, handle);
      const { access: _, ...shape } = handle;
      assert.deepEqual(await driver.snapshotShape(wanted), shape);
      const readers = [await driver.readSnapshot(handle), await driver.readSnapshot(sent)];
      for (const reader of readers) assert((await readAll(reader)).equals(bytes));
      await driver.closeSnapshot(sent);
      await driver.closeSnapshot(handle);
    });

    storageTest("may be open several times, and each is closed by itself", open, async (driver) => {
      const wanted = await snapshotted(driver);
      const [first, second] = [await driver.openSnapshot(wanted), await driver.openSnapshot(wanted)];
      await driver.closeSnapshot(first);
      assert((await readAll(await driver.readSnapshot(second))).equals(bytes));
      await driver.closeSnapshot(second);
    });

    storageTest("has to be of the group that it is opened for", open, async (driver) => {
      const wanted = await snapshotted(driver);
      await driver.snapshotGroup({
        groupId: groupId(2),
        owner,
        volumeIds: [await createVolume(driver, { name: "b" })],
      });
      for (const group of [2, 3]) {
        const of = { groupId: groupId(group), owner };
        await rejects(driver.snapshotShape({ ...wanted, of }), "SNAPSHOT_UNKNOWN");
        await rejects(driver.openSnapshot({ ...wanted, of }), "SNAPSHOT_UNKNOWN");
      }
      const { snapshotId } = await driver.openSnapshot(wanted);
      await driver.closeSnapshot(await driver.openSnapshot({ snapshotId, of: "anybody" }));
    });

    storageTest("has to be there", open, async (driver) => {
      const wanted = await snapshotted(driver);
      await rejects(driver.openSnapshot({ ...wanted, snapshotId: "nowhere" }), "SNAPSHOT_UNKNOWN");
      await rejects(driver.snapshotShape({ ...wanted, snapshotId: "nowhere" }), "SNAPSHOT_UNKNOWN");
      const handle = await driver.openSnapshot(wanted);
      await driver.closeSnapshot(handle);
      await driver.deleteGroup({ groupId: groupId(1), owner });
      const reading = async (): Promise<void> => {
        const reader = await driver.readSnapshot(handle);
        await reader.read(0, Buffer.alloc(512)).finally(() => reader.close());
      };
      await rejects(reading(), "SNAPSHOT_UNKNOWN");
      await driver.closeSnapshot(handle);
    });
  });
};
