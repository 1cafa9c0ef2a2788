import assert from "node:assert/strict";
import type { GroupId } from "../../core/api/ids.ts";
import { extentCount } from "../../core/api/object/volume-shape.ts";
import type { TaskResultOf, TransferTask } from "../../core/api/task.ts";
import type { WantedSnapshot } from "../storage/control.ts";
import { holdingBoth } from "../transfer/opened.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { waitingProgress } from "./progress.ts";

/**
 * Sends one volume to its mirror. Its snapshot and the base are opened once, and are read by those
 * handles wherever they are read. Its progress has the volume's size from the start.
 * @throws SNAPSHOT_UNKNOWN, NOT_OURS (it, or the base, is another plan's: nothing is sent), and
 *   what sending throws
 */
export const transfer = async (task: TransferTask, context: TaskContext): Promise<TaskResultOf<"transfer">> => {
  const [volume] = task.volumes;
  assert(volume !== undefined, "a transfer has a volume");
  const { mirrorVolumeId } = volume;
  const wanted = { ...toRead(task, volume), baseGroupId: task.baseGroupId, mirrorVolumeId };
  const shape = await context.storage.snapshotShape(wanted.snapshot);
  context.onProgress(waitingProgress(extentCount(shape.geometry, shape.sizeBytes), shape.sizeBytes));
  return holdingBoth(context, wanted, async (opening) => {
    const request = {
      ...{ shape, opening, mirrorVolumeId },
      owner: ownerOf(task),
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

/**
 * What is read here: the run's own group, or of a restore another run's, whose owner is not the one
 * that its mirrors at the receiver have.
 */
const toRead = (
  task: TransferTask,
  volume: TransferTask["volumes"][number],
): { readonly snapshot: WantedSnapshot; readonly base: WantedSnapshot | null } => {
  const { groupId, baseGroupId, source } = task;
  if ("from" in volume) {
    const { from, sourceVolumeId } = volume;
    const wanted = (id: GroupId) => ({ sourceVolumeId, of: { groupId: id, owner: { planId: from.planId, source } } });
    return { snapshot: wanted(from.groupId), base: baseGroupId && wanted(baseGroupId) };
  }
  const { snapshotId, baseSnapshotId } = volume;
  const wanted = (id: GroupId, snapshot: string) => ({
    snapshotId: snapshot,
    of: { groupId: id, owner: ownerOf(task) },
  });
  const base = baseGroupId !== null && baseSnapshotId !== null ? wanted(baseGroupId, baseSnapshotId) : null;
  return { snapshot: wanted(groupId, snapshotId), base };
};
