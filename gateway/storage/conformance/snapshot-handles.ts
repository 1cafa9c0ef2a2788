import assert from "node:assert/strict";
import { describe } from "node:test";
import { extentCount } from "../../../core/extent/striping.ts";
import type { StorageUnderTest } from "../conformance.ts";
import type { SnapshotHandle } from "../volume-io.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  readAll,
  rejects,
  snapshotOf,
  storageTest,
  striped,
  write,
} from "./fixtures.ts";

const KiB = 1024;
const sizeBytes = 700 * KiB;

/** A snapshot is opened once, and read by whoever has its handle. */
export const handleConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("a snapshot that is open", () => {
    storageTest(
      "is read by its handle, also as plain text and by another driver, until it is closed",
      open,
      async (driver, storage) => {
        const id = await createVolume(driver, { sizeBytes, geometry: striped });
        const bytes = noise(sizeBytes, 1);
        await write(driver, id, [0, bytes]);
        await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
        await write(driver, id, [0, noise(sizeBytes, 2)]);
        const handle = await driver.openSnapshot(await snapshotOf(driver, groupId(1), id));
        assert.equal(handle.sizeBytes, sizeBytes);
        assert.deepEqual(handle.geometry, striped);
        const sent = JSON.parse(JSON.stringify(handle)) as SnapshotHandle;
        assert.deepEqual(sent, handle);
        const [one, other] = [await driver.readSnapshot(handle), await driver.readSnapshot(sent)];
        assert.ok((await readAll(one)).equals(bytes));
        assert.equal(
          (await other.extentMap())?.length ?? extentCount(striped, sizeBytes),
          extentCount(striped, sizeBytes),
        );
        assert.ok((await readAll(other)).equals(bytes));
        const again = await storage.reopen();
        assert.ok((await readAll(await again.readSnapshot(sent))).equals(bytes));
        await again.closeSnapshot(sent);
        await again.closeSnapshot(sent);
      },
    );

    storageTest("may be open more than once", open, async (driver) => {
      const id = await createVolume(driver, { sizeBytes });
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
      const snapshotId = await snapshotOf(driver, groupId(1), id);
      const [first, second] = [await driver.openSnapshot(snapshotId), await driver.openSnapshot(snapshotId)];
      await driver.closeSnapshot(first);
      assert.ok((await readAll(await driver.readSnapshot(second))).equals(Buffer.alloc(sizeBytes)));
      await driver.closeSnapshot(second);
    });

    storageTest("can't be read any more when its group has been deleted", open, async (driver) => {
      const id = await createVolume(driver, { sizeBytes });
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
      const handle = await driver.openSnapshot(await snapshotOf(driver, groupId(1), id));
      await driver.deleteGroup({ groupId: groupId(1), owner });
      await rejects(driver.readSnapshot(handle), "SNAPSHOT_UNKNOWN");
      await rejects(driver.openSnapshot(handle.snapshotId), "SNAPSHOT_UNKNOWN");
      await driver.closeSnapshot(handle);
    });
  });
};
