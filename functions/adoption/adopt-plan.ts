import type { AdoptedPlan } from "../../core/api/adoption/adoption.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import { planKey, siteKey } from "../documents/records.ts";
import { applyToPlan } from "../engine/engine.ts";
import { askOnce } from "../engine/tidy.ts";
import { planOf, type StoredPlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun } from "../runs/runs.ts";
import type { Adoption, GroupOutcome } from "./documents.ts";
import { createAdopted, freeName, readDefinition } from "./new-plan.ts";

/**
 * Makes the plan of some groups known: one that is not there yet is made as the newest of them says
 * that it was, and suspended. What people have set stays as it is; only its number goes above what
 * the site has. One that other sites' groups have made known, and that nobody has touched since,
 * gets this site as a target.
 * @param outcomes of all groups of the plan at the site
 * @returns undefined: none of them was taken in
 */
export const adoptPlan = async (
  deps: Deps,
  adoption: Adoption,
  outcomes: readonly GroupOutcome[],
): Promise<AdoptedPlan | undefined> => {
  const taken = outcomes.filter(({ is }) => is !== "refused").sort((one, other) => other.sequence - one.sequence);
  const [newest] = taken;
  if (newest === undefined) return undefined;
  const known = await readPlan(deps, newest.planId);
  const is = known === undefined || known.adopted?.madeBy === adoption.id ? "new" : "known";
  const plan = known ?? (await makePlan(deps, adoption, newest));
  const after = adoption.dryRun ? plan : await bringUp(deps, adoption, plan, newest);
  if (!adoption.dryRun) await askSource(deps, adoption, after, newest);
  return {
    ...{ planId: newest.planId, name: after.name, source: newest.source, is },
    ...(newest.planName !== after.name && { nameThere: newest.planName }),
    ...(newest.otherTargets !== undefined && { hasDefinition: true }),
    objectCount: newest.objectCount ?? 0,
    groupsAdopted: outcomes.filter((one) => one.is === "adopted").length,
    groupsKnown: outcomes.filter((one) => one.is === "known").length,
    groupsRefused: outcomes.length - taken.length,
    newestTakenAt: newest.takenAt,
    sequence: Math.max(after.sequence, adoption.dryRun ? newest.sequence : 0),
    notes: [...(await notesOf(deps, adoption, { plan: after, newest, taken }))],
  };
};

const readPlan = async (deps: Pick<Deps, "store">, planId: PlanId): Promise<Plan | undefined> => {
  const stored = await deps.store.get<StoredPlan>(planKey(planId));
  return stored && planOf(stored.body);
};

/** What is told of a plan, which a dry run does not make. */
type Shown = Pick<Plan, "id" | "name" | "source" | "sequence" | "status" | "targets" | "adopted">;

const makePlan = async (deps: Deps, adoption: Adoption, newest: GroupOutcome): Promise<Shown> => {
  const { planId: id, planName, source, sequence } = newest;
  if (!adoption.dryRun) return createAdopted(deps, adoption, newest);
  return { id, name: await freeName(deps, id, planName), source, sequence, status: "suspended", targets: [] };
};

/** The plan with what the site has, too. */
const bringUp = async (deps: Deps, adoption: Adoption, plan: Shown, newest: GroupOutcome): Promise<Shown> => {
  const { siteId } = adoption;
  const { sequence } = newest;
  const raised = sequence > plan.sequence ? await applyToPlan(deps, plan.id, { type: "overtaken", sequence }) : plan;
  if (raised.adopted === undefined || raised.adopted.from.includes(siteId)) return raised;
  const { target } = await readDefinition(deps, siteId, newest);
  return applyToPlan(deps, plan.id, {
    type: "change",
    change: (now) => {
      if (now.adopted === undefined || now.adopted.from.includes(siteId)) return now;
      const targets = [...now.targets.filter(({ site }) => site !== siteId), target];
      const lanes = { ...now.lanes, [siteId]: now.lanes[siteId] ?? { active: null, queued: null } };
      return { ...now, targets, lanes, adopted: { ...now.adopted, from: [...now.adopted.from, siteId] } };
    },
  });
};

/**
 * Which of the plan's groups its own site has still is asked now, so that the next run needs not
 * look at all of the data to find out what has changed.
 */
const askSource = async (deps: Deps, { siteId }: Adoption, plan: Shown, { runId }: GroupOutcome): Promise<void> => {
  if (plan.status === "deleted" || runId === undefined) return;
  if ((await deps.store.get(siteKey(plan.source))) === undefined) return;
  const loaded = await loadRun(deps, runId);
  if (loaded !== undefined) await askOnce(deps, loaded.run, { target: siteId, index: 1 });
};

interface Noted {
  readonly plan: Shown;
  readonly newest: GroupOutcome;
  readonly taken: readonly GroupOutcome[];
}

const notesOf = async (deps: Deps, { siteId, dryRun }: Adoption, { plan, newest, taken }: Noted) => {
  const notes: Reason[] = [];
  const add = (code: string, message: string) => notes.push({ code, message });
  const unsigned = taken.filter(({ isSigned }) => !isSigned).length;
  if (unsigned > 0) add("MANIFEST_UNSIGNED", `${unsigned} of its groups at ${siteId} were signed by nobody.`);
  if (plan.status === "deleted") add("PLAN_DELETED", "It was deleted here; its restore points are known again.");
  if (plan.status === "deleted" || dryRun) return notes;
  const isTarget = (site: SiteId) => plan.targets.some((target) => target.site === site);
  if (!isTarget(siteId)) add("TARGET_NOT_IN_PLAN", `Site ${siteId} is no target of it here; that was left as it is.`);
  for (const site of newest.otherTargets?.filter((other) => !isTarget(other)) ?? []) {
    add(
      "TARGET_NOT_ADOPTED",
      `It was backed up to site ${site} as well; to have that again: smtx-backup adopt --site ${site}`,
    );
  }
  if (newest.otherTargets === undefined && plan.adopted !== undefined) {
    add("PLAN_DEFINITION_UNKNOWN", "How it was set is not known: it has no schedule, and keeps all that is there.");
  }
  if ((await deps.store.get(siteKey(plan.source))) === undefined) {
    add("SITE_UNKNOWN", `The site that it protects, ${plan.source}, is not known here.`);
  }
  return notes;
};
