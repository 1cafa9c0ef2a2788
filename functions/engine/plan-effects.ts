import { strict as assert } from "node:assert";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { Run, RunPlan } from "../../core/api/run.ts";
import type { PlanEffect } from "../../core/plan/events.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { newRun } from "../../core/run/new-run.ts";
import type { Deps } from "../deps.ts";
import { type StoredPlan, wholePlan } from "../plan-objects.ts";
import { planKey, runKey, runOfKey, runPlanKey, runPrefix, skipKey } from "../records.ts";
import { historyExpiry } from "./expiry.ts";
import type { Happening } from "./happenings.ts";
import { putRun } from "./new-run.ts";
import { putRunObjects } from "./run-objects.ts";
import { loadRun } from "./runs.ts";
import { syncSchedule } from "./schedule.ts";
import { slotAgain } from "./slot-again.ts";
import { tidySource } from "./tidy.ts";

/** Carries out one effect of a plan. Idempotent (I8). @returns what happens because of it */
export const carryOutPlanEffect = async (
  deps: Deps,
  planId: PlanId,
  effect: PlanEffect,
): Promise<readonly Happening[]> => {
  switch (effect.type) {
    case "create-run":
      await createRun(deps, await readPlan(deps, planId), effect);
      return [];
    case "start":
    case "cancel":
      return [{ to: "part", runId: effect.runId, target: effect.target, event: { type: effect.type } }];
    case "supersede": {
      const { runId, target, reason } = effect;
      return [{ to: "part", runId, target, event: { type: "supersede", reason } }];
    }
    case "record-skip":
      await deps.store.putAll([
        { key: skipKey(planId, effect.skip.firstSlot), body: effect.skip, ...historyExpiry(deps) },
      ]);
      return [];
    case "tidy-source":
      await tidyAfter(deps, planId);
      return [];
    case "sync-schedule":
      await syncSchedule(deps, planId);
      return [];
  }
};

/** Tidies in the name of the plan's newest run; a plan that never ran has nothing on its source. */
const tidyAfter = async (deps: Deps, planId: PlanId): Promise<void> => {
  const { partition } = planKey(planId);
  const page = await deps.store.query<Run>({ partition, prefix: runPrefix, limit: 1, descending: true });
  const [newest] = page.items;
  const run = newest && (await loadRun(deps, runOfKey(newest.key).runId))?.run;
  const [target] = Object.keys(run?.targets ?? {});
  if (run !== undefined && target !== undefined) await tidySource(deps, run, target as SiteId);
};

const readPlan = async (deps: Deps, planId: PlanId): Promise<StoredPlan> => {
  const stored = await deps.store.get<StoredPlan>(planKey(planId));
  assert(stored !== undefined, `the plan ${planId} is missing`);
  return stored.body;
};

/** Somebody else settles the slot's records at the same time so often at most. */
const triesMax = 5;

const createRun = async (
  deps: Deps,
  plan: StoredPlan,
  effect: Extract<PlanEffect, { type: "create-run" }>,
): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryToCreate(deps, plan, effect);
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
      // It is there already when this effect was carried out before.
      if ((await deps.store.get<Run>(runKey(effect.runId))) !== undefined) return;
      if (tries === triesMax) throw error;
    }
  }
};

const tryToCreate = async (
  deps: Deps,
  stored: StoredPlan,
  effect: Extract<PlanEffect, { type: "create-run" }>,
): Promise<void> => {
  const { runId, slot, sequence, targets } = effect;
  const plan = await wholePlan(deps, stored);
  const { trigger, changes } = effect.again ? await slotAgain(deps, plan, slot) : { ...effect, changes: [] };
  const run = newRun({
    id: runId,
    planId: plan.id,
    kind: plan.kind,
    trigger,
    slot,
    sequence,
    source: plan.source,
    targets,
    objectCount: plan.objectCount,
    now: deps.clock.now(),
  });
  const { name: planName, objectSet, compression } = plan;
  const told: RunPlan = { runId: run.id, planName, objectSet, compression };
  // Before the run is there, so that it has them from its beginning.
  await putRunObjects(deps, run.id, objectSet, plan.objects);
  await deps.store.commit([
    ...putRun(run),
    { type: "put", key: runPlanKey(run.id), body: told, expect: "absent" },
    ...changes,
  ]);
};
