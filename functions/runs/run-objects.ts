import type { RunId } from "../../core/api/ids.ts";
import { messageText } from "../../core/api/message.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import type { RunPlan } from "../../core/api/run.ts";
import { runPlanKey } from "../documents/records.ts";
import { putObjects, readObjects } from "../plans/object-pages.ts";
import type { Deps } from "../ports/deps.ts";

const partitionOf = (runId: RunId) => runPlanKey(runId).partition;

/** So many are told to the run together with all else. */
const toldBytesMax = 8 * 1024;

/**
 * A run has a copy of its plan's objects as they were, which goes with it: few of them in what it
 * is told, more of them in pages beside it, under the plan's name for them.
 * @returns what it is told of them
 */
export const putRunObjects = async (
  deps: Deps,
  runId: RunId,
  objectSet: number,
  objects: readonly PlanEntry[],
): Promise<Pick<RunPlan, "objects" | "objectSet">> => {
  if (messageText(objects).length <= toldBytesMax) return { objects: [...objects] };
  await putObjects(deps, partitionOf(runId), String(objectSet), objects);
  return { objectSet };
};

/** The run whose snapshot has a run's objects: of a restore, the one that it reads. */
export const originOf = ({ runId, restore }: RunPlan): RunId => restore?.fromRunId ?? runId;

/**
 * The index that one of a run's objects has among those that were snapshotted: of a restore
 * of some, another one.
 */
export const snapshotIndexOf = ({ restore }: Pick<RunPlan, "restore">, index: number): number =>
  restore?.objects?.[index] ?? index;

/** What a run was told to take, in the plan's order. */
export const readRunObjects = async (deps: Pick<Deps, "store">, told: RunPlan): Promise<readonly PlanEntry[]> =>
  told.objects ?? readObjects(deps, partitionOf(originOf(told)), String(told.objectSet ?? 0));

/** The objects among it that are named. */
export const readNamedObjects = async (deps: Pick<Deps, "store">, told: RunPlan): Promise<readonly PlanObject[]> =>
  (await readRunObjects(deps, told)).filter((entry): entry is PlanObject => !isRule(entry));
