import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, type PlanId, planIdOf, type RunId, runIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, RunPlan } from "../../core/api/run.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { newRun } from "../../core/run/new-run.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import type { Deps } from "../deps.ts";
import { endSet, putSet, type StoredPlan, wholePlan } from "../plan-objects.ts";
import { groupKey, planKey, planNameKey, runKey, runPlanKey } from "../records.ts";
import { applyToPart, applyToPlan, planDueAt, tryDrain } from "./engine.ts";
import { readRunPlan } from "./facts.ts";
import { putRun } from "./new-run.ts";
import { putOutbox } from "./outbox.ts";
import { refuseWrongNames } from "./rebuilt-names.ts";
import { loadRun, needRun } from "./runs.ts";
import { readTaken } from "./taken.ts";

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

/** Somebody else gives the plan other objects at the same time so often at most. */
const updatesMax = 5;

/**
 * Changes a plan's definition. Runs that go on keep what they were told.
 * @throws VisibleError PLAN_UNKNOWN, PLAN_NAME_TAKEN, CONFLICT
 */
export const updatePlan = async (
  deps: Deps,
  planId: PlanId,
  redefine: (plan: WholePlan) => WholePlan,
): Promise<WholePlan> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await tryToUpdate(deps, planId, redefine);
    } catch (error) {
      if (!(error instanceof OtherObjects)) throw error;
      if (tries < updatesMax) continue;
      throw new VisibleError("CONFLICT", "Others kept changing the same plan.", { hint: "Try again.", cause: error });
    }
  }
};

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

/** Runs the plan now, beside its schedule. @throws VisibleError PLAN_UNKNOWN */
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

const readRun = async (deps: Deps, runId: RunId): Promise<Run> => (await needRun(deps, runId)).run;

/** Cancels what has not ended of a run. @throws VisibleError RUN_UNKNOWN, RUN_ENDED */
export const cancelRun = async (deps: Deps, runId: RunId): Promise<Run> => {
  const run = await readRun(deps, runId);
  const open = partsOf(run).filter(([, part]) => !hasEnded(part));
  if (open.length === 0) throw new VisibleError("RUN_ENDED", "The run has ended; there is nothing to cancel.");
  for (const [target] of open) await applyToPart(deps, runId, target, { type: "cancel" });
  return readRun(deps, runId);
};

const notRestorable: Record<Group["state"], string> = {
  published: "is published",
  lost: "is lost: it was missing when the site last said what it has",
  unknown: "is unknown: nothing is known of the run that made it",
  deleting: "is being deleted",
  deleted: "is deleted",
};

/**
 * Begins to rebuild a group's objects on the site that holds it (W12). The group is held until the end.
 *
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_NAME_TAKEN, BAD_REQUEST, CONFLICT
 */
export const startRebuild = async (
  deps: Deps,
  options: {
    readonly groupId: GroupId;
    readonly siteId: SiteId;
    readonly namePrefix: string;
    readonly evenDamaged?: boolean;
  },
): Promise<Run> => {
  const { groupId, siteId, namePrefix, evenDamaged = false } = options;
  const group = await deps.store.get<Group>(groupKey(groupId, siteId));
  if (group === undefined) {
    const hint = "List the groups of a site with: smtx-backup group list --plan PLAN --site SITE";
    throw new VisibleError("GROUP_UNKNOWN", `Site ${siteId} has no group ${groupId}.`, { hint });
  }
  if (group.body.state !== "published" || group.body.role !== "mirror") {
    const what = group.body.role === "mirror" ? notRestorable[group.body.state] : "is a group of the source site";
    throw new VisibleError("GROUP_NOT_RESTORABLE", `The group ${groupId} on ${siteId} ${what}.`, {
      hint: "Choose a published group of a target site.",
    });
  }
  const now = deps.clock.now();
  const origin = await readRun(deps, group.body.runId);
  const originPlan = await readRunPlan(deps, origin.id);
  await refuseWrongNames(deps, { runId: origin.id, siteId, namePrefix });
  const taken = await readTaken(deps, origin);
  const run = newRun({
    planId: planIdOf(groupId),
    kind: "rebuild",
    trigger: "person",
    slot: now,
    sequence: group.body.sequence,
    source: origin.source,
    targets: [siteId],
    objectCount: taken?.objects ?? origin.objectCount,
    now,
  });
  const restore = { fromRunId: origin.id, fromGroupId: groupId, namePrefix, evenDamaged };
  const told: RunPlan = { ...originPlan, runId: run.id, restore };
  const start = { type: "start", runId: run.id, target: siteId } as const;
  const effects = { of: "plan", planId: run.planId, effects: [start] } as const;
  const outbox = putOutbox({ aggregate: runKey(run.id), version: 1, effects, now });
  const held: Group = { ...group.body, holds: [...group.body.holds, run.id] };
  try {
    await deps.store.commit([
      ...putRun(run, now),
      { type: "put", key: runPlanKey(run.id), body: told, expect: "absent" },
      { type: "put", key: group.key, body: held, expect: { version: group.version } },
      outbox,
    ]);
  } catch (error) {
    if (!(error instanceof CommitConflict)) throw error;
    throw new VisibleError("CONFLICT", "The group was changed in the meantime.", { hint: "Try again.", cause: error });
  }
  await tryDrain(deps, outbox);
  return readRun(deps, run.id);
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
