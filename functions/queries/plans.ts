import { z } from "zod";
import type { PlanSummary } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type PlanId, planIdSchema } from "../../core/api/ids.ts";
import type { Plan, PlanDefinition, PlanEntry } from "../../core/api/plan.ts";
import type { WholePlan, World } from "../../core/plan/define.ts";
import { mapBounded } from "../aws/map-bounded.ts";
import type { Deps } from "../deps.ts";
import { readFacilities } from "../facilities.ts";
import { planOf, type StoredPlan, storedPlanSchema, wholePlan } from "../plan-objects.ts";
import { planKey, planNameKey } from "../records.ts";
import { lookUpObjects } from "./objects.ts";
import { type Page, type PageRequest, readable, readPage } from "./page.ts";
import { readSites } from "./sites.ts";

type Store = Pick<Deps, "store">;
const lookUpsAtOnce = 8;

type StoreAndLog = Pick<Deps, "store" | "log">;

/**
 * The plan with this id, also one that was deleted; else the plan with this name.
 * @throws {VisibleError} PLAN_UNKNOWN
 */
export const readPlan = async (deps: Store, idOrName: string): Promise<Plan> =>
  planOf(await readStoredPlan(deps, idOrName));

/** The same with its objects. @throws {VisibleError} PLAN_UNKNOWN */
export const readWholePlan = async (deps: Store, idOrName: string): Promise<WholePlan> =>
  wholePlan(deps, await readStoredPlan(deps, idOrName));

const readStoredPlan = async (deps: Store, idOrName: string): Promise<StoredPlan> => {
  const id = planIdSchema.safeParse(idOrName);
  const plan = (id.success ? await byId(deps, id.data) : undefined) ?? (await byName(deps, idOrName));
  if (plan !== undefined) return plan;
  throw new VisibleError("PLAN_UNKNOWN", `There is no plan “${idOrName}”.`, {
    hint: "List plans with: smtx-backup plan list",
  });
};

const byId = async ({ store }: Store, planId: PlanId): Promise<StoredPlan | undefined> =>
  (await store.get<StoredPlan>(planKey(planId)))?.body;

const byName = async (deps: Store, name: string): Promise<StoredPlan | undefined> => {
  const stored = await deps.store.get<{ planId: PlanId }>(planNameKey(name));
  return stored && byId(deps, stored.body.planId);
};

/** Plans by name; without the deleted ones, which have no name any more. */
export const listPlans = async (deps: StoreAndLog, request: PageRequest): Promise<Page<PlanSummary>> => {
  const names = await readPage(deps, nameSchema, planNameKey(""), request);
  const plans = await Promise.all(names.items.map(({ planId }) => deps.store.get<StoredPlan>(planKey(planId))));
  const read = readable<StoredPlan>(
    deps,
    storedPlanSchema,
    plans.flatMap((plan) => plan ?? []),
  );
  const unreadable = (names.unreadable ?? 0) + (read.unreadable ?? 0);
  return { ...names, items: read.items.map(summaryOf), ...(unreadable > 0 && { unreadable }) };
};

const nameSchema = z.object({ planId: planIdSchema });

const summaryOf = (stored: StoredPlan): PlanSummary => {
  const { objectSet: _, lanes: __, compression: ___, ...summary } = planOf(stored);
  return summary;
};

/**
 * What a definition is checked against.
 * @param held what the plan has already
 */
export const readWorld = async (
  deps: Pick<Deps, "store" | "clock" | "log" | "ids">,
  { source, targets, objects }: PlanDefinition,
  held: readonly PlanEntry[] = [],
): Promise<World> => {
  const siteIds = [...new Set([source, ...targets.map(({ site }) => site)])];
  const [sites, known, facilities] = await Promise.all([
    readSites(deps, siteIds),
    lookUpObjects(deps, source, objects, held),
    mapBounded(siteIds, lookUpsAtOnce, async (site) => [site, await readFacilities(deps, site)] as const),
  ]);
  return { sites, known, facilities: new Map(facilities.flatMap(([site, has]) => (has ? [[site, has]] : []))) };
};
