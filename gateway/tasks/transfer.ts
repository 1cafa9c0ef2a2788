import assert from "node:assert/strict";
import { extentCount } from "../../core/api/object/volume-shape.ts";
import type { TaskResultOf, TransferTask } from "../../core/api/task.ts";
import { holding } from "../transfer/held-snapshot.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { waitingProgress } from "./progress.ts";

/**
 * Sends one volume to its mirror. Its snapshot is opened once, and is read by that handle wherever
 * it is read. Its progress has the volume's size from the start.
 * @throws SNAPSHOT_UNKNOWN, NOT_OURS (it, or the base, is another plan's: nothing is sent), and
 *   what sending throws
 */
export const transfer = async (task: TransferTask, context: TaskContext): Promise<TaskResultOf<"transfer">> => {
  const [volume] = task.volumes;
  assert(volume !== undefined, "a transfer has a volume");
  const { snapshotId, baseSnapshotId, mirrorVolumeId } = volume;
  const owner = ownerOf(task);
  const snapshot = await context.storage.openSnapshot({ snapshotId, of: { groupId: task.groupId, owner } });
  return holding(context, snapshot, async () => {
    const { geometry, sizeBytes } = snapshot;
    context.onProgress(waitingProgress(extentCount(geometry, sizeBytes), sizeBytes));
    const request = {
      ...{ snapshot, baseSnapshotId, mirrorVolumeId },
      owner,
      receiver: task.receiver ?? task.target,
      groupId: task.groupId,
      sequence: task.sequence,
      baseGroupId: task.baseGroupId,
      compression: task.compression,
      endpoints: task.endpoints,
    };
    const progress = await context.send(request, context);
    context.onProgress(progress);
    return { kind: "transfer", progress };
  });
};
