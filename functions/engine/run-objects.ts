import type { RunId } from "../../core/api/ids.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { RunPlan } from "../../core/api/run.ts";
import type { Deps } from "../deps.ts";
import { putObjects, readObjects } from "../object-pages.ts";
import { runPlanKey } from "../records.ts";
import { readFactsIn, type SnapshotFact } from "./facts.ts";

const partitionOf = (runId: RunId) => runPlanKey(runId).partition;

/** A run has a copy of its plan's objects as they were, under the plan's name for them: it goes with the run. */
export const putRunObjects = (deps: Deps, runId: RunId, set: number, objects: readonly PlanObject[]): Promise<void> =>
  putObjects(deps, partitionOf(runId), String(set), objects);

/** Whose objects a restore rebuilds. */
const originOf = ({ runId, restore }: RunPlan): RunId => restore?.fromRunId ?? runId;

/** All objects of a run, in the plan's order. */
export const readRunObjects = async (deps: Deps, told: RunPlan): Promise<readonly PlanObject[]> =>
  told.objects ?? readObjects(deps, partitionOf(originOf(told)), String(told.objectSet ?? 0));

/** Some of them: as they were snapshotted, or while they are not, as the plan has them. */
export const readRunObjectsIn = async (
  deps: Deps,
  told: RunPlan,
  range: { readonly from: number; readonly count: number },
): Promise<readonly PlanObject[]> => {
  const { from, count } = range;
  if (told.objects !== undefined) return told.objects.slice(from, from + count);
  const snapshots = await readFactsIn<SnapshotFact>(deps, originOf(told), "snapshotting", "source", range);
  if (snapshots.size === count)
    return [...snapshots.values()].map(({ config: { kind, id, name } }) => ({ kind, id, name }));
  return (await readRunObjects(deps, told)).slice(from, from + count);
};
