import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import { type PlanId, type RunId, runIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import type { RunOfFailover } from "../../core/plan/events.ts";
import { hasRun } from "../../core/plan/lanes.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import { retrying } from "../documents/conflicts.ts";
import { planKey, planNameKey } from "../documents/records.ts";
import { endSet, putSet, type StoredPlan, wholePlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun, needRun } from "../runs/runs.ts";
import { applyToPart, applyToPlan, planDueAt, tryDrain } from "./engine.ts";
import { putOutbox } from "./outbox.ts";

/** Stores a new plan and makes its schedule. @throws VisibleError PLAN_NAME_TAKEN */
export const createPlan = async (deps: Deps, { objects, ...plan }: WholePlan): Promise<void> => {
  const key = planKey(plan.id);
  const effects = { of: "plan", planId: plan.id, effects: [{ type: "sync-schedule" }] } as const;
  const now = deps.clock.now();
  const outbox = putOutbox({ aggregate: key, version: 1, effects, now });
  const dueAt = planDueAt(plan, now);
  await takingName(plan.name, () =>
    deps.store.commit([
      { type: "put", key, body: plan, expect: "absent", ...(dueAt === undefined ? {} : { dueAt }) },
      { type: "put", key: planNameKey(plan.name), body: { planId: plan.id }, expect: "absent" },
      ...putSet(plan, objects),
      outbox,
    ]),
  );
  await tryDrain(deps, outbox);
};

/** Somebody else has given the plan other objects since it was looked at. */
class OtherObjects extends Error {}

/**
 * Changes a plan's definition. Runs that go on keep what they were told.
 * @throws VisibleError PLAN_UNKNOWN, PLAN_NAME_TAKEN, CONFLICT
 */
export const updatePlan = (deps: Deps, planId: PlanId, redefine: (plan: WholePlan) => WholePlan): Promise<WholePlan> =>
  retrying(deps, () => tryToUpdate(deps, planId, redefine), {
    others: "Others kept changing the same plan.",
    isOvertaken: (error) => error instanceof OtherObjects,
  });

const tryToUpdate = async (
  deps: Deps,
  planId: PlanId,
  redefine: (plan: WholePlan) => WholePlan,
): Promise<WholePlan> => {
  const stored = await deps.store.get<StoredPlan>(planKey(planId));
  if (stored === undefined) throw planUnknown(planId);
  const before = await wholePlan(deps, stored.body);
  const { name, objects } = redefine(before);
  if (name !== before.name && (await deps.store.get(planNameKey(name)))) throw nameTaken(name);
  const change = (current: Plan): Plan => {
    if (current.objectSet !== before.objectSet) throw new OtherObjects();
    const { objects: _, ...plan } = redefine({ ...current, objects: before.objects });
    return plan;
  };
  const plan = await applyToPlan(deps, planId, { type: "change", change }, (current, after) =>
    after.objectSet === before.objectSet ? [] : [...putSet(after, objects), ...endSet(deps, current, before.objects)],
  );
  return { ...plan, objects };
};

const planUnknown = (planId: PlanId) =>
  new VisibleError("PLAN_UNKNOWN", `There is no plan ${planId}.`, { hint: "List plans with: smtx-backup plan list" });

export const suspendPlan = (deps: Deps, planId: PlanId): Promise<Plan> =>
  applyToPlan(deps, planId, { type: "suspend" });
export const resumePlan = (deps: Deps, planId: PlanId): Promise<Plan> => applyToPlan(deps, planId, { type: "resume" });

/** Ends the plan: its runs are cancelled, its restore points stay. */
export const deletePlan = async (deps: Deps, planId: PlanId): Promise<void> => {
  await applyToPlan(deps, planId, { type: "delete" });
};

/**
 * Runs the plan now, beside its schedule.
 * @throws VisibleError PLAN_UNKNOWN, FAILOVER_UNDER_WAY, HOME_ABSENT
 */
export const runPlanNow = async (deps: Deps, planId: PlanId): Promise<Run> => {
  const { manualSlot, status } = await applyToPlan(deps, planId, { type: "run-now" });
  if (status === "deleted") throw new VisibleError("PLAN_UNKNOWN", "The plan was deleted.");
  assert(manualSlot !== undefined, "a plan knows the slot of the run it was just asked for");
  const runId = runIdOf(planId, manualSlot);
  const loaded = await loadRun(deps, runId);
  if (loaded !== undefined) return loaded.run;
  throw new VisibleError("TIMEOUT", `The run ${runId} was accepted and could not be begun at once.`, {
    hint: "It begins by itself within a minute; look for it with: smtx-backup run list --plan PLAN",
  });
};

/**
 * A failover that is moving the plan has it run to some targets: the run of that slot, however
 * often it is asked for. Undefined: it is not the one that is moving it, or none is a target.
 */
export const runPlanFor = async (deps: Deps, planId: PlanId, of: RunOfFailover): Promise<RunId | undefined> => {
  const runId = runIdOf(planId, of.slot);
  const plan = await applyToPlan(deps, planId, { type: "run-now", of });
  return hasRun(plan, runId) || (await loadRun(deps, runId)) !== undefined ? runId : undefined;
};

const readRun = async (deps: Deps, runId: RunId): Promise<Run> => (await needRun(deps, runId)).run;

/** Cancels what has not ended of a run. @throws VisibleError RUN_UNKNOWN, RUN_ENDED */
export const cancelRun = async (deps: Deps, runId: RunId): Promise<Run> => {
  const run = await readRun(deps, runId);
  const open = partsOf(run).filter(([, part]) => !hasEnded(part));
  if (open.length === 0) throw new VisibleError("RUN_ENDED", "The run has ended; there is nothing to cancel.");
  for (const [target] of open) await applyToPart(deps, runId, target, { type: "cancel" });
  return readRun(deps, runId);
};

const nameTaken = (name: string, cause?: unknown) =>
  new VisibleError("PLAN_NAME_TAKEN", `There is a plan called “${name}” already.`, {
    hint: `Choose another name, or change the plan that has it: smtx-backup plan update ${name} -f FILE`,
    cause,
  });

const takingName = async (name: string, commit: () => Promise<void>): Promise<void> => {
  try {
    await commit();
  } catch (error) {
    if (error instanceof CommitConflict) throw nameTaken(name, error);
    throw error;
  }
};
