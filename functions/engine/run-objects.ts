import type { RunId } from "../../core/api/ids.ts";
import { messageText } from "../../core/api/message.ts";
import { isRule, type PlanEntry, type PlanObject } from "../../core/api/plan.ts";
import type { RunPlan } from "../../core/api/run.ts";
import type { Deps } from "../deps.ts";
import { putObjects, readObjects } from "../object-pages.ts";
import { runPlanKey } from "../records.ts";
import { readFactsIn, type SnapshotFact } from "./facts.ts";

const partitionOf = (runId: RunId) => runPlanKey(runId).partition;

/** So many are told to the run together with all else. */
const toldBytesMax = 8 * 1024;

/**
 * A run has a copy of its plan's objects as they were, which goes with it: few of them in what it is
 * told, more of them in pages beside it, under the plan's name for them.
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

/** Whose objects a restore rebuilds. */
const originOf = ({ runId, restore }: RunPlan): RunId => restore?.fromRunId ?? runId;

/** What a run was told to take, in the plan's order. */
export const readRunEntries = async (deps: Deps, told: RunPlan): Promise<readonly PlanEntry[]> =>
  told.objects ?? readObjects<PlanEntry>(deps, partitionOf(originOf(told)), String(told.objectSet ?? 0));

/** The objects among it that are named. */
export const readRunObjects = async (deps: Deps, told: RunPlan): Promise<readonly PlanObject[]> =>
  (await readRunEntries(deps, told)).filter((entry): entry is PlanObject => !isRule(entry));

/** Some of them: as they were snapshotted, or while they are not, as the plan has them. */
export const readRunObjectsIn = async (
  deps: Deps,
  told: RunPlan,
  range: { readonly from: number; readonly count: number },
): Promise<readonly PlanObject[]> => {
  const { from, count } = range;
  const snapshots = await readFactsIn<SnapshotFact>(deps, originOf(told), "snapshotting", "source", range);
  if (snapshots.size === count)
    return [...snapshots.values()].map(({ config: { kind, id, name } }) => ({ kind, id, name }));
  return (await readRunObjects(deps, told)).slice(from, from + count);
};
