import { VisibleError } from "../../core/api/errors.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { Mapping } from "../../core/api/object.ts";
import { type Plan, planDefinitionSchema } from "../../core/api/plan.ts";
import type { RunPlan } from "../../core/api/run.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { mappingKey, planKey, planNameKey } from "../documents/records.ts";
import { createPlan } from "../engine/commands.ts";
import { planOf, type StoredPlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "../runs/facts.ts";
import { readRunObjects } from "../runs/run-objects.ts";
import type { Adoption, GroupOutcome } from "./documents.ts";

/** Whatever is there, it is kept. */
const keepsAll = { keepLast: 1000 };

/** How a plan was set when a group was made, as far as its site may say: of targets, itself. */
export const readDefinition = async (
  deps: Pick<Deps, "store">,
  siteId: SiteId,
  { runId }: GroupOutcome,
): Promise<{ readonly told: RunPlan; readonly target: Plan["targets"][number] }> => {
  if (runId === undefined) throw new Error("what was refused says nothing of its plan");
  const told = await readRunPlan(deps, runId);
  const own = told.settings?.targets.find(({ site }) => site === siteId);
  if (own !== undefined) return { told, target: own };
  const { switches = {}, ...mapped } = (await deps.store.get<Mapping>(mappingKey(runId, siteId)))?.body ?? {};
  return { told, target: { site: siteId, retention: keepsAll, switches, ...mapped } };
};

/** Makes a plan known by the newest of its groups; it does nothing until somebody resumes it. */
export const createAdopted = async (deps: Deps, adoption: Adoption, newest: GroupOutcome): Promise<Plan> => {
  const { planId: id, planName, source, sequence } = newest;
  const { siteId } = adoption;
  const { told, target } = await readDefinition(deps, siteId, newest);
  const objects = await readRunObjects(deps, told);
  const now = deps.clock.now();
  const { targets: _, ...settings } = told.settings ?? { targets: [], retention: keepsAll };
  const plan: Omit<WholePlan, "name"> = {
    ...{ id, kind: "backup", status: "suspended", source, sequence, createdAt: now, slotsDoneUntil: now },
    ...settings,
    targets: [target],
    ...{ objects: [...objects], objectCount: objects.length, objectSet: 1 },
    compression: told.compression,
    lanes: { [siteId]: { active: null, queued: null } },
    adopted: { from: [siteId], at: now, madeBy: adoption.id },
  };
  return createNamed(deps, plan, planName);
};

/** Somebody else may take a name that was free. */
const triesMax = 10;

const createNamed = async (deps: Deps, plan: Omit<WholePlan, "name">, wanted: string): Promise<Plan> => {
  for (let tries = 1; ; tries += 1) {
    try {
      await createPlan(deps, { ...plan, name: await freeName(deps, plan.id, wanted) });
    } catch (error) {
      if (!VisibleError.is(error, "PLAN_NAME_TAKEN") || tries >= triesMax) throw error;
    }
    const stored = await deps.store.get<StoredPlan>(planKey(plan.id));
    if (stored !== undefined) return planOf(stored.body);
  }
};

const numbersMax = 99;

/** The name that a plan had, as it is one, or with a number after it where another plan has it. */
export const freeName = async (deps: Pick<Deps, "store">, planId: PlanId, wanted: string): Promise<string> => {
  const name = nameFrom(wanted);
  for (let number = 1; number <= numbersMax; number += 1) {
    const tried = number === 1 ? name : `${name.slice(0, nameCharactersMax - 3)}-${number}`;
    const taken = await deps.store.get<{ planId: PlanId }>(planNameKey(tried));
    if (taken === undefined || taken.body.planId === planId) return tried;
  }
  return planId;
};

const nameCharactersMax = 63;

/** Of what can't be a plan's name, what can. */
const nameFrom = (wanted: string): string => {
  const name = wanted.replaceAll(/[^a-zA-Z0-9._-]/g, "-").replace(/^[^a-zA-Z0-9]+/, "");
  return planDefinitionSchema.shape.name.safeParse(name).success ? name : "adopted";
};
