import { z } from "zod";
import type { PlanSummary } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { type PlanId, planIdSchema } from "../../core/api/ids.ts";
import { type Plan, type PlanDefinition, type PlanEntry, planSchema } from "../../core/api/plan.ts";
import { instantText } from "../../core/object/instant-text.ts";
import { didYouMean } from "../../core/object/nearest-name.ts";
import type { PlanContext, WholePlan } from "../../core/plan/define.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { type Page, type PageRequest, readable, readPage } from "../documents/page.ts";
import { type PastName, pastNamePrefix, planKey, planNameKey } from "../documents/records.ts";
import { lookUpObjects } from "../inventory/objects.ts";
import { planOf, type StoredPlan, storedPlanSchema, wholePlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { readFacilities } from "../sites/facilities.ts";
import { readSites } from "../sites/sites.ts";

type Store = Pick<Deps, "store">;
const lookUpsAtOnce = 8;

type StoreAndLog = Pick<Deps, "store" | "log">;

/**
 * The plan with this id; else the plan with this name: the living one, else the only deleted one.
 * @throws {VisibleError} PLAN_UNKNOWN; PLAN_AMBIGUOUS where several deleted ones had the name
 */
export const readPlan = async (deps: Store, idOrName: string): Promise<Plan> =>
  planOf(await readStoredPlan(deps, idOrName));

/** The same with its objects. @throws {VisibleError} as `readPlan` */
export const readWholePlan = async (deps: Store, idOrName: string): Promise<WholePlan> =>
  wholePlan(deps, await readStoredPlan(deps, idOrName));

const readStoredPlan = async (deps: Store, idOrName: string): Promise<StoredPlan> => {
  const plan = (await byId(deps, idOrName)) ?? (await byName(deps, idOrName)) ?? (await byPastName(deps, idOrName));
  if (plan !== undefined) return plan;
  throw await noPlan(deps, idOrName);
};

/** A plan that is not deleted, by its id or its name. @throws {VisibleError} PLAN_UNKNOWN */
export const readLivingPlan = async (deps: Store, idOrName: string): Promise<Plan> => {
  const plan = await readPlanToChange(deps, idOrName);
  if (plan.status === "deleted") throw planUnknown(`The plan “${plan.name}” was deleted.`);
  return plan;
};

/**
 * The plan with this id; else the living one with this name: what a deleted one was called means
 * nothing to who changes something.
 * @throws {VisibleError} PLAN_UNKNOWN
 */
export const readPlanToChange = async (deps: Store, idOrName: string): Promise<Plan> =>
  planOf(await readStoredToChange(deps, idOrName));

/** The same with its objects. @throws {VisibleError} PLAN_UNKNOWN */
export const readWholePlanToChange = async (deps: Store, idOrName: string): Promise<WholePlan> =>
  wholePlan(deps, await readStoredToChange(deps, idOrName));

const readStoredToChange = async (deps: Store, idOrName: string): Promise<StoredPlan> => {
  const plan = (await byId(deps, idOrName)) ?? (await byName(deps, idOrName));
  if (plan !== undefined) return plan;
  const { items } = await pastNames(deps, idOrName, 1);
  throw items.length > 0 ? planUnknown(`The plan “${idOrName}” was deleted.`) : await noPlan(deps, idOrName);
};

const planUnknown = (message: string, instead = "") =>
  new VisibleError("PLAN_UNKNOWN", message, { hint: `${instead}List plans with: smtx-backup plan list` });

/** A typo is looked for among so many names. */
const namesLookedAtMax = 100;

const noPlan = async ({ store }: Store, typed: string): Promise<VisibleError> => {
  const { partition, sort: prefix } = planNameKey("");
  const { items } = await store.query({ partition, prefix, limit: namesLookedAtMax });
  const names = items.map(({ key }) => key.sort.slice(prefix.length));
  return planUnknown(`There is no plan “${typed}”.`, didYouMean(typed, names));
};

const byId = async ({ store }: Store, idOrName: string): Promise<StoredPlan | undefined> => {
  const id = planIdSchema.safeParse(idOrName);
  return id.success ? (await store.get<StoredPlan>(planKey(id.data)))?.body : undefined;
};

const byName = async (deps: Store, name: string): Promise<StoredPlan | undefined> => {
  const stored = await deps.store.get<{ planId: PlanId }>(planNameKey(name));
  return stored && byId(deps, stored.body.planId);
};

/** So many of the deleted plans of a name are told apart. */
const pastNamesMax = 10;

const pastNames = ({ store }: Store, name: string, limit: number) =>
  store.query<PastName>({ partition: planNameKey("").partition, prefix: pastNamePrefix(name), limit });

/** Deleted plans that had a name, up to ten. */
export const pastPlansOf = async (deps: Store, name: string): Promise<readonly PlanId[]> =>
  (await pastNames(deps, name, pastNamesMax)).items.map(({ body }) => body.planId);

const byPastName = async (deps: Store, name: string): Promise<StoredPlan | undefined> => {
  const { items, cursor } = await pastNames(deps, name, pastNamesMax);
  const [only, ...others] = items.map(({ body }) => body);
  if (only === undefined || others.length === 0) return only && byId(deps, only.planId);
  const ids = [only, ...others].map(({ planId, deletedAt }) => `${planId} (deleted ${instantText(deletedAt)})`);
  throw new VisibleError("PLAN_AMBIGUOUS", `Several plans were called “${name}” and are deleted.`, {
    hint: `Name one by its id: ${ids.join(", ")}${cursor === undefined ? "" : ", and more"}.`,
  });
};

/** Plans by name; without the deleted ones, which have no name any more. */
export const listPlans = async (deps: StoreAndLog, request: PageRequest): Promise<Page<PlanSummary>> => {
  const page = await listWholePlans(deps, request);
  return { ...page, items: page.items.map(summaryOf) };
};

/** The same, with what only the plan's state machine needs. */
export const listWholePlans = async (deps: StoreAndLog, request: PageRequest): Promise<Page<Plan>> => {
  const names = await readPage(deps, nameSchema, planNameKey(""), request);
  const plans = await Promise.all(names.items.map(({ planId }) => deps.store.get<StoredPlan>(planKey(planId))));
  const read = readable<StoredPlan>(
    deps,
    storedPlanSchema,
    plans.flatMap((plan) => plan ?? []),
  );
  const unreadable = (names.unreadable ?? 0) + (read.unreadable ?? 0);
  return { ...names, items: read.items.map(planOf), ...(unreadable > 0 && { unreadable }) };
};

/** Those of some plans that are of a form that is known, and how many are not. */
export const readablePlans = (deps: Pick<Deps, "log">, plans: readonly Plan[]): Page<Plan> =>
  readable<Plan>(
    deps,
    planSchema,
    plans.map((body) => ({ key: planKey(body.id), version: 1, body })),
  );

const nameSchema = z.object({ planId: planIdSchema });

const summaryOf = (plan: Plan): PlanSummary => {
  const { objectSet: _, lanes: __, compression: ___, stages: ____, ...summary } = plan;
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
): Promise<PlanContext> => {
  const siteIds = [...new Set([source, ...targets.map(({ site }) => site)])];
  const [sites, known, facilities] = await Promise.all([
    readSites(deps, siteIds),
    lookUpObjects(deps, source, objects, held),
    mapBounded(siteIds, lookUpsAtOnce, async (site) => [site, await readFacilities(deps, site)] as const),
  ]);
  return { sites, known, facilities: new Map(facilities.flatMap(([site, has]) => (has ? [[site, has]] : []))) };
};
