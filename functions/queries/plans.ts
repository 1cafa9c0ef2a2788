import { z } from "zod";
import type { PlanSummary } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type PlanId, planIdSchema } from "../../core/api/ids.ts";
import { type Plan, type PlanDefinition, type PlanObject, planSchema } from "../../core/api/plan.ts";
import type { World } from "../../core/plan/define.ts";
import type { Deps } from "../deps.ts";
import { planKey, planNameKey } from "../records.ts";
import { lookUpObjects } from "./objects.ts";
import { type Page, type PageRequest, readable, readPage } from "./page.ts";
import { readSites } from "./sites.ts";

type Store = Pick<Deps, "store">;
type StoreAndLog = Pick<Deps, "store" | "log">;

/**
 * The plan with this id, also one that was deleted; else the plan with this name.
 * @throws {VisibleError} PLAN_UNKNOWN
 */
export const readPlan = async (deps: Store, idOrName: string): Promise<Plan> => {
  const id = planIdSchema.safeParse(idOrName);
  const plan = (id.success ? await byId(deps, id.data) : undefined) ?? (await byName(deps, idOrName));
  if (plan !== undefined) return plan;
  throw new VisibleError("PLAN_UNKNOWN", `There is no plan “${idOrName}”.`, {
    hint: "List plans with: smtx-backup plan list",
  });
};

const byId = async ({ store }: Store, planId: PlanId): Promise<Plan | undefined> =>
  (await store.get<Plan>(planKey(planId)))?.body;

const byName = async (deps: Store, name: string): Promise<Plan | undefined> => {
  const stored = await deps.store.get<{ planId: PlanId }>(planNameKey(name));
  return stored && byId(deps, stored.body.planId);
};

/** Plans by name; without the deleted ones, which have no name any more. */
export const listPlans = async (deps: StoreAndLog, request: PageRequest): Promise<Page<PlanSummary>> => {
  const names = await readPage(deps, nameSchema, planNameKey(""), request);
  const plans = await Promise.all(names.items.map(({ planId }) => deps.store.get<Plan>(planKey(planId))));
  const read = readable(
    deps,
    planSchema,
    plans.flatMap((plan) => plan ?? []),
  );
  const unreadable = (names.unreadable ?? 0) + (read.unreadable ?? 0);
  return { ...names, items: read.items.map(summaryOf), ...(unreadable > 0 && { unreadable }) };
};

const nameSchema = z.object({ planId: planIdSchema });

const summaryOf = ({ objects, lanes: _, compression: __, ...plan }: Plan): PlanSummary => ({
  ...plan,
  objectCount: objects.length,
});

/**
 * What a definition is checked against.
 * @param held objects that the plan has already
 */
export const readWorld = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  { source, targets, objects }: PlanDefinition,
  held: readonly PlanObject[] = [],
): Promise<World> => ({
  sites: await readSites(deps, [source, ...targets.map(({ site }) => site)]),
  known: await lookUpObjects(deps, source, objects, held),
});
