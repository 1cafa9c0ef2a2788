import { z } from "zod";
import { instantSchema, type PlanId } from "../../core/api/ids.ts";
import { goneObjectSchema } from "../../core/api/task.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { type GoneRecord, goneToKeep, isNamed } from "../../core/retention/gone.ts";
import type { Gone } from "../../core/retention/retention.ts";
import { readRange } from "../documents/ranges.ts";
import { goneKey, gonePrefix, planKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { type StoredPlan, wholePlan } from "./plan-objects.ts";

export const goneRecordSchema: z.ZodType<GoneRecord> = goneObjectSchema.extend({
  since: instantSchema,
  backIn: z.int().optional(),
  gaps: z.array(z.object({ after: z.int(), until: z.int() })).optional(),
});

/** What is known to be gone of a plan's objects. Mostly nothing is. */
const readGone = async (deps: Pick<Deps, "store">, planId: PlanId): Promise<readonly GoneRecord[]> => {
  const records: GoneRecord[] = [];
  const { partition } = planKey(planId);
  for await (const { body } of readRange<GoneRecord>(deps, { partition, sort: gonePrefix })) records.push(body);
  return records;
};

/**
 * What retention keeps the newest copy of (I3). What the plan holds now decides,
 * whatever was written before.
 */
export const readGoneToKeep = async (deps: Pick<Deps, "store" | "clock">, planId: PlanId): Promise<readonly Gone[]> => {
  const records = await readGone(deps, planId);
  const stored = records.length === 0 ? undefined : await deps.store.get<StoredPlan>(planKey(planId));
  if (stored === undefined) return [];
  const { objects } = await wholePlan(deps, stored.body);
  return goneToKeep(records, objects, deps.clock.now());
};

/** Lets go of what a plan named and does not name any more. */
export const forgetUnnamed = async ({ store }: Pick<Deps, "store">, { id, objects }: WholePlan): Promise<void> => {
  const records = await readGone({ store }, id);
  const unnamed = records.filter((record) => record.named && !isNamed(objects, record));
  await store.deleteAll(unnamed.map((record) => goneKey(id, record.kind, record.id)));
};
