import { strict as assert } from "node:assert";
import { z } from "zod";
import { type Plan, type PlanEntry, planObjectSchema, planSchema } from "../../core/api/plan.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change } from "../../core/ports/store.ts";
import { planKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { objectPages, readObjects } from "./object-pages.ts";

/** As versions before stored a plan: with its objects in it. */
const planOfBeforeSchema = planSchema
  .omit({ objectCount: true, objectSet: true })
  .extend({ objects: z.array(planObjectSchema) });
type PlanOfBefore = z.infer<typeof planOfBeforeSchema>;

export const storedPlanSchema = z.union([planOfBeforeSchema, planSchema]);
export type StoredPlan = Plan | PlanOfBefore;

/** The set that has the objects which were in the plan, once it is stored without them. */
const setOfBefore = 0;
/** Who has just read the plan still reads the set that it had. */
const oldSetSeconds = 7 * 24 * 3600;

/** The same plan where it is of today's form. */
export const planOf = (stored: StoredPlan): Plan => {
  if (!("objects" in stored)) return stored;
  const { objects, ...plan } = stored;
  return { ...plan, objectCount: objects.length, objectSet: setOfBefore };
};

/** A plan with its entries. */
export const wholePlan = async (deps: Pick<Deps, "store">, stored: StoredPlan): Promise<WholePlan> => ({
  ...planOf(stored),
  objects: await readPlanObjects(deps, stored),
});

/** A plan's objects, from wherever they lie. */
const readPlanObjects = async (deps: Pick<Deps, "store">, stored: StoredPlan): Promise<readonly PlanEntry[]> => {
  if ("objects" in stored) return stored.objects;
  const objects = await readObjects(deps, planKey(stored.id).partition, String(stored.objectSet));
  assert(
    objects.length === stored.objectCount,
    `the plan ${stored.id} has ${stored.objectCount} objects, and its set ${stored.objectSet} has ${objects.length}`,
  );
  return objects;
};

/** What is written with a plan whose set is new, in one transaction. */
export const putSet = (plan: Plan, objects: readonly PlanEntry[]): readonly Change[] =>
  pagesOf(plan, objects).map(({ key, body }) => ({ type: "put", key, body, expect: "any" }));

/** What is written with a plan that has another set now: this one comes to its end. */
export const endSet = (
  { clock }: Pick<Deps, "clock">,
  stored: StoredPlan,
  objects: readonly PlanEntry[],
): readonly Change[] => {
  if ("objects" in stored) return [];
  const expiresAt = addSeconds(clock.now(), oldSetSeconds);
  return pagesOf(stored, objects).map(({ key, body }) => ({ type: "put", key, body, expect: "any", expiresAt }));
};

/** What is written with a plan of before when it is stored in today's form. */
export const movedApart = (before: StoredPlan, after: Plan): readonly Change[] =>
  "objects" in before && after.objectSet === setOfBefore ? putSet(after, before.objects) : [];

const pagesOf = ({ id, objectSet }: Pick<Plan, "id" | "objectSet">, objects: readonly PlanEntry[]) =>
  objectPages(planKey(id).partition, String(objectSet), objects);
