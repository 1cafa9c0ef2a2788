import type { OrderAnswer } from "../api/failover/order.ts";
import type { GroupId } from "../api/ids.ts";
import type { ObjectConfig } from "../api/object.ts";
import type { ReportPart } from "../api/report.ts";
import type { Shard, Step } from "../api/run.ts";
import type { TaskResult, TaskResultOf } from "../api/task.ts";
import type { AnswerFault } from "./refusal.ts";

/** An answer to a task of a step, or a part of one. */
interface JudgedAnswer {
  readonly step: Step;
  readonly result: TaskResult;
  readonly part?: ReportPart | undefined;
}

/** What an answer is judged by, as far as it is known where it comes in. */
export interface AskedOfTask {
  /** What was said before of the same task. */
  readonly taken?: Shard["taken"];
  /** Of a snapshot: how many entries the plan has. */
  readonly entries?: number;
  /** Of a preparation: the object whose mirror is made. */
  readonly object?: Pick<ObjectConfig, "volumes">;
  /** Of a reclaim: what may be gone now. */
  readonly mayBeDeleted?: (groupId: GroupId) => boolean;
}

const kindOf: Record<Step, TaskResult["kind"]> = {
  snapshotting: "snapshot",
  preparing: "prepare",
  transferring: "transfer",
  publishing: "publish",
  reclaiming: "reclaim",
  rebuilding: "rebuild",
  checking: "check",
  "rolling-back": "rollback",
  undoing: "undo-rollback",
  deleting: "reclaim",
  attaching: "attach",
  looking: "order",
  stopping: "order",
  comparing: "order",
  starting: "order",
  readying: "order",
};

/** What a failover's tasks are about. */
const orderIn: Partial<Record<Step, OrderAnswer["type"]>> = {
  looking: "look",
  stopping: "stop",
  comparing: "compare",
  starting: "start",
  readying: "ready",
};

/** What is wrong with an answer; undefined: it can be taken in. */
export const answerFault = ({ step, result, part }: JudgedAnswer, asked: AskedOfTask): AnswerFault | undefined => {
  if (result.kind !== kindOf[step]) return "ANSWER_OF_ANOTHER_KIND";
  switch (result.kind) {
    case "snapshot":
      return snapshotFault(result, part, asked);
    case "prepare":
      return prepareFault(result, asked);
    case "reclaim":
      return reclaimFault(result, asked);
    case "order":
      return result.order.type === orderIn[step] ? undefined : "ANSWER_OF_ANOTHER_KIND";
    default:
      return undefined;
  }
};

type SnapshotResult = TaskResultOf<"snapshot">;

const snapshotFault = (
  result: SnapshotResult,
  part: ReportPart | undefined,
  { taken, entries = Number.POSITIVE_INFINITY }: AskedOfTask,
): AnswerFault | undefined => {
  const { takenAt, from, fromVolume = from, objects, gone = [] } = result;
  if (part !== undefined && taken !== undefined && taken.at !== takenAt) return "ANSWER_CONTRADICTS";
  const isFirst = part === undefined || part.number === 0;
  if (isFirst && (from !== 0 || fromVolume !== 0)) return "ANSWER_OUT_OF_RANGE";
  if (!objects.every((object) => isInRange(object, entries))) return "ANSWER_OUT_OF_RANGE";
  if (hasRepeats(objects.map(({ config }) => nameOf(config))) || hasRepeats(gone.map(nameOf))) return "ANSWER_REPEATS";
  return isOneToOne(objects) ? undefined : "ANSWER_CONTRADICTS";
};

const nameOf = ({ kind, id }: Pick<ObjectConfig, "kind" | "id">): string => `${kind}/${id}`;

const isInRange = (
  { config: { volumes }, snapshotIds, because = 0, repeated = [] }: SnapshotResult["objects"][number],
  entries: number,
): boolean =>
  snapshotIds.length === volumes.length && because < entries && repeated.every((place) => place < volumes.length);

/** Each volume has one snapshot, whichever object has it, and no snapshot is of two volumes. */
const isOneToOne = (objects: SnapshotResult["objects"]): boolean => {
  const [snapshotOf, volumeOf] = [new Map<string, string>(), new Map<string, string>()];
  const pairs = objects.flatMap(({ config, snapshotIds }) =>
    config.volumes.map(({ id }, place) => [id, snapshotIds[place] ?? ""] as const),
  );
  for (const [volume, snapshot] of pairs) {
    if ((snapshotOf.get(volume) ?? snapshot) !== snapshot || (volumeOf.get(snapshot) ?? volume) !== volume)
      return false;
    snapshotOf.set(volume, snapshot);
    volumeOf.set(snapshot, volume);
  }
  return true;
};

/** Each volume of the object has one mirror, and nothing else has. */
const prepareFault = ({ volumes }: TaskResultOf<"prepare">, { object }: AskedOfTask): AnswerFault | undefined => {
  const sources = volumes.map(({ sourceVolumeId }) => sourceVolumeId);
  if (hasRepeats(sources) || hasRepeats(volumes.map(({ mirrorVolumeId }) => mirrorVolumeId))) return "ANSWER_REPEATS";
  if (object === undefined) return undefined;
  const wanted = new Set(object.volumes.map(({ id }) => id));
  return sources.length === wanted.size && sources.every((id) => wanted.has(id)) ? undefined : "ANSWER_OUT_OF_RANGE";
};

const reclaimFault = (
  { deleted, groups = [] }: TaskResultOf<"reclaim">,
  { mayBeDeleted = () => true }: AskedOfTask,
): AnswerFault | undefined => {
  if (hasRepeats(deleted) || hasRepeats(groups.map(({ groupId }) => groupId))) return "ANSWER_REPEATS";
  return deleted.every(mayBeDeleted) ? undefined : "ANSWER_OUT_OF_RANGE";
};

const hasRepeats = (some: readonly string[]): boolean => new Set(some).size < some.length;
