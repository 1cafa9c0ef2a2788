import type { Progress } from "../../core/api/run.ts";
import type { TaskResultOf, TransferTask, VolumeTransfer } from "../../core/api/task.ts";
import { extentCount } from "../../core/extent/striping.ts";
import { ownerOf, type TaskContext } from "./context.ts";
import { sumProgress, waitingProgress } from "./progress.ts";

const beforeStart = async ({ snapshotId }: VolumeTransfer, { storage }: TaskContext): Promise<Progress> => {
  const handle = await storage.openSnapshot(snapshotId);
  await storage.closeSnapshot(handle);
  return waitingProgress(extentCount(handle.geometry, handle.sizeBytes), handle.sizeBytes);
};

/**
 * Sends an object's volumes to its mirrors, one after the other. Its progress covers all of them
 * from the start.
 * @throws SNAPSHOT_UNKNOWN, and what sending throws
 */
export const transfer = async (task: TransferTask, context: TaskContext): Promise<TaskResultOf<"transfer">> => {
  const { signal } = context;
  const progresses: Progress[] = [];
  for (const volume of task.volumes) progresses.push(await beforeStart(volume, context));
  const update = (index: number, progress: Progress) => {
    progresses[index] = progress;
    context.onProgress(sumProgress(progresses));
  };
  context.onProgress(sumProgress(progresses));
  for (const [index, volume] of task.volumes.entries()) {
    signal.throwIfAborted();
    const request = {
      ...volume,
      owner: ownerOf(task),
      target: task.target,
      groupId: task.groupId,
      sequence: task.sequence,
      baseGroupId: task.baseGroupId,
      compression: task.compression,
      endpoints: task.endpoints,
    };
    const onProgress = (progress: Progress) => update(index, progress);
    update(index, await context.send(request, { ...context, onProgress }));
  }
  return { kind: "transfer", progress: sumProgress(progresses) };
};
