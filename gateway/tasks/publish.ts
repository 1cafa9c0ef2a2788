import type { PublishTask, TaskResultOf } from "../../core/api/task.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/**
 * Snapshots all mirrors of the run as one restore point, with the foreign plan's manifest (W3, I2).
 * Done again, it gives the group that is there.
 * @throws GROUP_INCOMPLETE, GROUP_ABORTED, GROUP_EXISTS, GROUP_STALE, NOT_OURS, and what else the
 *   storage throws
 */
export const publish = async (task: PublishTask, { storage, now }: TaskContext): Promise<TaskResultOf<"publish">> => {
  const group = await storage.publishGroup({
    groupId: task.groupId,
    owner: ownerOf(task),
    sequence: task.sequence,
    takenAt: task.manifest.takenAt,
    mirrorVolumeIds: task.mirrors.flatMap(({ volumes }) => volumes.map(({ mirrorVolumeId }) => mirrorVolumeId)),
    manifest: task.manifest,
  });
  const sizeBytes = group.snapshots.reduce((total, snapshot) => total + snapshot.sizeBytes, 0);
  return { kind: "publish", publishedAt: now(), sizeBytes };
};
