import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Run, RunPlan } from "../../core/api/run.ts";
import type { PlanEffect } from "../../core/plan/events.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { decidePart } from "../../core/run/decide.ts";
import { newRun } from "../../core/run/new-run.ts";
import { retrying } from "../documents/conflicts.ts";
import { runKey, runPlanKey } from "../documents/records.ts";
import { type StoredPlan, wholePlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { putRunObjects } from "../runs/run-objects.ts";
import type { Happening } from "./happenings.ts";
import { putRun } from "./new-run.ts";
import { goOnWith } from "./settle.ts";
import { slotAgain } from "./slot-again.ts";

type CreateRun = Extract<PlanEffect, { type: "create-run" }>;

/**
 * Makes a plan's run, if it is not there yet.
 * @param starting the targets at which it starts at once
 * @returns what happens because of it
 */
export const createRun = (
  deps: Deps,
  plan: StoredPlan,
  effect: CreateRun,
  starting: readonly SiteId[],
): Promise<readonly Happening[]> =>
  retrying(deps, async () => {
    const { runId } = effect;
    try {
      const run = await tryToCreate(deps, plan, effect, starting);
      const following: Happening[] = [];
      for (const target of starting) following.push(...(await goOnWith(deps, run, target, { isNew: true })));
      return following;
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
      // It is there already: this was carried out before, and its parts are looked at; or where a
      // clock was set back, it is a run of then that is over, and its lane must be let go.
      if ((await deps.store.get<Run>(runKey(runId))) !== undefined) {
        return starting.map((target) => ({ to: "part", runId, target, event: { type: "start" } }));
      }
      // Somebody else settles the slot's records at the same time.
      throw error;
    }
  });

const tryToCreate = async (
  deps: Deps,
  stored: StoredPlan,
  effect: CreateRun,
  starting: readonly SiteId[],
): Promise<Run> => {
  const { runId, slot, sequence, targets, at, standIns, failoverId } = effect;
  const plan = await wholePlan(deps, stored);
  const { trigger, changes } = effect.again ? await slotAgain(deps, plan, slot) : { ...effect, changes: [] };
  const now = deps.clock.now();
  const queued = newRun({
    id: runId,
    planId: plan.id,
    kind: plan.kind,
    trigger,
    slot,
    sequence,
    source: plan.source,
    at,
    failoverId,
    targets,
    objectCount: plan.objectCount,
    now,
  });
  const run = starting.reduce((before, target) => started(before, target, now), queued);
  const { name: planName, compression, schedule, retention, stages } = plan;
  const settings = {
    targets: plan.targets,
    ...(schedule && { schedule }),
    ...(retention && { retention }),
    ...(stages && { stages }),
  };
  // Before the run is there, so that it has them from its beginning.
  const objects = await putRunObjects(deps, run.id, plan.objectSet, plan.objects);
  const told: RunPlan = {
    runId: run.id,
    planName,
    ...objects,
    ...{ compression, settings },
    ...(standIns && { standIns: [...standIns] }),
  };
  await deps.store.commit([
    ...putRun(run, now),
    { type: "put", key: runPlanKey(run.id), body: told, expect: "absent" },
    ...changes,
  ]);
  return run;
};

const started = (run: Run, target: SiteId, now: Instant): Run => {
  const part = run.targets[target];
  if (part === undefined) return run;
  return { ...run, targets: { ...run.targets, [target]: decidePart(run, part, { type: "start" }, { now }) } };
};
