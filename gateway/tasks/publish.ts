import type { GroupId } from "../../core/api/ids.ts";
import { jsonIn } from "../../core/api/json.ts";
import { readManifest } from "../../core/api/manifest.ts";
import { outlookOf } from "../../core/api/restore/way.ts";
import type { PublishTask, TaskResultOf } from "../../core/api/task.ts";
import { mirrorSetOf } from "../storage/mirror-set.ts";
import { ownerOf, type TaskContext } from "./context.ts";

/** What the task calls the mirrors: a list of them, or already the set. */
const mirrorsOf = ({ mirrors }: PublishTask) =>
  Array.isArray(mirrors)
    ? mirrorSetOf(mirrors.flatMap(({ volumes }) => volumes.map(({ mirrorVolumeId }) => mirrorVolumeId)))
    : mirrors;

/**
 * Snapshots all mirrors of the run as one restore point, with the foreign plan's manifest, which it
 * signs (W3, I2).
 * Done again, it gives the group that is there.
 * @throws GROUP_INCOMPLETE, GROUP_ABORTED, GROUP_EXISTS, GROUP_STALE, NOT_OURS, and what else the
 *   storage throws
 */
export const publish = async (task: PublishTask, context: TaskContext): Promise<TaskResultOf<"publish">> => {
  const { storage, now, prove } = context;
  const publishedAt = now();
  const { takenAt, planName, objects, plan } = task.manifest;
  const group = await storage.publishGroup({
    groupId: task.groupId,
    owner: ownerOf(task),
    sequence: task.sequence,
    takenAt,
    mirrors: mirrorsOf(task),
    planName,
    objects,
    plan,
    ...(prove && { prove: (kept) => prove({ ...kept, publishedAt }) }),
  });
  const sizeBytes = group.snapshots.reduce((total, snapshot) => total + snapshot.sizeBytes, 0);
  return { kind: "publish", publishedAt, sizeBytes, ...(await outlookFor(task.groupId, storage)) };
};

/** What it would take to have its objects again. */
const outlookFor = async (groupId: GroupId, storage: TaskContext["storage"]) => {
  const text = await storage.foreignManifest(groupId);
  if (text === undefined) return {};
  const { objects } = readManifest(jsonIn(text), `group ${groupId}`);
  return { rebuild: outlookOf(await storage.rebuildWays(objects)) };
};
