import type { RunTask } from "../../../core/api/task.ts";
import { extentRanges } from "../../../core/extent/striping.ts";
import { fillExtent } from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import type { SnapshotHandle } from "../../../gateway/storage/volume-io.ts";
import type { SendVolume } from "../../../gateway/tasks/context.ts";
import { progressOf } from "../../../gateway/tasks/testing.ts";

/**
 * The simplest that goes by the storage port: of what was not committed before, it sends the
 * extents that differ from the base, where the sender has that.
 */
export const sendWhatDiffers =
  (task: RunTask, there: StorageDriver, count: { sentExtents: number }): SendVolume =>
  async ({ shape, opening, owner, mirrorVolumeId, groupId, sequence, baseGroupId }, { storage }) => {
    const { geometry, sizeBytes } = shape;
    const { snapshot, base } = await opening;
    const bytes = await bytesOf(storage, snapshot);
    const before = base && (await bytesOf(storage, base));
    const mirror = { owner, mirrorVolumeId, groupId, sequence, sender: task.siteId, baseGroupId };
    const { epoch, done } = await there.openMirror({ ...mirror, sizeBytes, geometry });
    for (let extent = 0; extent * geometry.extentBytes < sizeBytes; extent += 1) {
      const ranges = [...extentRanges(geometry, sizeBytes, extent)];
      const part = (of: Buffer) =>
        Buffer.concat(ranges.map(({ offset, length }) => of.subarray(offset, offset + length)));
      if (done.includes(extent) || (before && part(before).equals(part(bytes)))) continue;
      const writer = await there.openMirrorExtent({ mirrorVolumeId, epoch, extent });
      await fillExtent(writer, extent, { bytes, geometry });
      await writer.commit();
      count.sentExtents += 1;
    }
    await there.completeMirror({ mirrorVolumeId, epoch });
    return progressOf({ phase: "done" });
  };

const bytesOf = async (storage: StorageDriver, snapshot: SnapshotHandle): Promise<Buffer> => {
  const bytes = Buffer.alloc(snapshot.sizeBytes);
  const reader = await storage.readSnapshot(snapshot);
  await reader.read(0, bytes);
  await reader.close();
  return bytes;
};
