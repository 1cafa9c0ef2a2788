import { strict as assert } from "node:assert";
import { groupIdOf, type PlanId, type RunId, runIdOfGroup, type SiteId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import type { PlanEffect } from "../../core/plan/events.ts";
import { planKey, runOfKey, runPrefix, skipKey } from "../documents/records.ts";
import type { StoredPlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { historyExpiry } from "../runs/expiry.ts";
import { loadRun } from "../runs/runs.ts";
import { createRun } from "./create-run.ts";
import type { Happening } from "./happenings.ts";
import { syncSchedule } from "./schedule.ts";
import { tidySource } from "./tidy.ts";

/**
 * Carries out a plan's effects in their order. Idempotent (I8).
 * @param known the plan as it was just written
 * @returns what happens because of them
 */
export const carryOutPlanEffects = async (
  deps: Deps,
  planId: PlanId,
  effects: readonly PlanEffect[],
  known?: StoredPlan,
): Promise<readonly Happening[]> => {
  const following: Happening[] = [];
  for (const effect of effects) following.push(...(await carryOut(deps, planId, effect, { effects, known })));
  return following;
};

const carryOut = async (
  deps: Deps,
  planId: PlanId,
  effect: PlanEffect,
  { effects, known }: { readonly effects: readonly PlanEffect[]; readonly known: StoredPlan | undefined },
): Promise<readonly Happening[]> => {
  switch (effect.type) {
    case "create-run":
      return createRun(deps, known ?? (await readPlan(deps, planId)), effect, targetsThatStart(effects, effect.runId));
    case "start":
      // A run that starts at once is made so.
      if (effects.some((other) => other.type === "create-run" && other.runId === effect.runId)) return [];
      return [{ to: "part", runId: effect.runId, target: effect.target, event: { type: "start" } }];
    case "cancel":
      return [{ to: "part", runId: effect.runId, target: effect.target, event: { type: "cancel" } }];
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

const targetsThatStart = (effects: readonly PlanEffect[], runId: RunId): readonly SiteId[] =>
  effects.flatMap((effect) => (effect.type === "start" && effect.runId === runId ? [effect.target] : []));

/** Tidies in the name of the plan's newest run; a plan that never ran has nothing on its source. */
const tidyAfter = async (deps: Deps, planId: PlanId): Promise<void> => {
  const runId = await newestRunOf(deps, planId);
  const run = runId && (await loadRun(deps, runId))?.run;
  const [target] = Object.keys(run?.targets ?? {});
  if (run !== undefined && target !== undefined) await tidySource(deps, run, target as SiteId);
};

const documentsPerPage = 40;

/** What a person asked for beside the plan's runs, a restore for one, has no source to tidy. */
const newestRunOf = async (deps: Deps, planId: PlanId): Promise<RunId | undefined> => {
  const { partition } = planKey(planId);
  const read = (cursor: string | undefined) =>
    deps.store.query({ partition, prefix: runPrefix, limit: documentsPerPage, descending: true, cursor });
  for await (const { items } of pagesOf(read)) {
    const found = items.map(({ key }) => runOfKey(key).runId).find((id) => id === runIdOfGroup(groupIdOf(id)));
    if (found !== undefined) return found;
  }
  return undefined;
};

const readPlan = async (deps: Deps, planId: PlanId): Promise<StoredPlan> => {
  const stored = await deps.store.get<StoredPlan>(planKey(planId));
  assert(stored !== undefined, `the plan ${planId} is missing`);
  return stored.body;
};
