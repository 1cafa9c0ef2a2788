import { z } from "zod";
import { instantSchema } from "../core/api/ids.ts";
import { isRule } from "../core/api/plan.ts";
import { goneObjectSchema } from "../core/api/task.ts";
import type { WholePlan } from "../core/plan/define.ts";
import type { Deps } from "./deps.ts";
import type { GoneRecord } from "./engine/gone.ts";
import { readRange } from "./ranges.ts";
import { gonePrefix, planKey } from "./records.ts";

/** `GoneRecord`, for lists. */
export const goneRecordSchema = goneObjectSchema.extend({ since: instantSchema, sequence: z.int().min(1) });
export type StoredGone = z.infer<typeof goneRecordSchema>;

/** Lets go of what a plan named and does not name any more. */
export const forgetUnnamed = async ({ store }: Pick<Deps, "store">, { id, objects }: WholePlan): Promise<void> => {
  const named = new Set(objects.flatMap((entry) => (isRule(entry) ? [] : [`${entry.kind}/${entry.id}`])));
  const unnamed = [];
  for await (const { key, body } of readRange<GoneRecord>({ store }, { ...planKey(id), sort: gonePrefix })) {
    if (body.named && !named.has(`${body.kind}/${body.id}`)) unnamed.push(key);
  }
  await store.deleteAll(unnamed);
};
