import { z } from "zod";
import { codeSchema, entriesMax, sentenceSchema } from "../bounds.ts";
import { groupIdSchema, instantSchema, planIdSchema, planNameSchema, runIdSchema, siteIdSchema } from "../ids.ts";
import { nameSchema, objectKindSchema } from "../object/common.ts";
import { objectConfigSchema } from "../object.ts";
import { rebuildWaySchema } from "../restore/way.ts";

/** What is to be thought of a group's manifest. */
export const standingSchema = z.discriminatedUnion("state", [
  z.object({
    state: z.literal("signed"),
    /** The gateway's name, as its certificate has it. */
    by: z.string().max(256),
    publishedAt: instantSchema,
  }),
  z.object({ state: z.literal("unsigned") }),
  /** Nothing is restored from it. */
  z.object({ state: z.literal("refused"), code: codeSchema, message: sentenceSchema }),
]);
export type Standing = z.infer<typeof standingSchema>;

/** A group of a foreign plan, as the target's storage alone says it. */
export const foreignGroupSchema = z.object({
  groupId: groupIdSchema,
  sequence: z.int().min(1),
  takenAt: instantSchema,
  sizeBytes: z.int().min(0),
  /** In how many extents damage is known. */
  damagedExtents: z.int().min(0),
  manifest: standingSchema,
});
export type ForeignGroupAnswer = z.infer<typeof foreignGroupSchema>;

export const foreignPlanSchema = z.object({
  planId: planIdSchema,
  planName: planNameSchema,
  /** The site that it protects. */
  source: siteIdSchema,
  groupCount: z.int().min(1),
  newest: foreignGroupSchema,
});
export type ForeignPlanAnswer = z.infer<typeof foreignPlanSchema>;

/** And all that can be restored of it. */
export const foreignPlanDetailSchema = foreignPlanSchema.extend({
  /** The newest first. */
  groups: z.array(foreignGroupSchema).max(entriesMax),
  /** Which of them has these objects. */
  groupId: groupIdSchema,
  /** As the source had them. None, where the manifest is refused. */
  objects: z.array(objectConfigSchema).max(entriesMax),
  /** How the site would make each of them again, in their order. */
  rebuild: z.array(rebuildWaySchema).max(entriesMax),
});
export type ForeignPlanDetail = z.infer<typeof foreignPlanDetailSchema>;

const objectNamed = z.object({ kind: objectKindSchema, id: z.string().max(256), name: nameSchema });

/** What was rebuilt without a control plane. */
export const foreignRestoreSchema = z.object({
  /** Names the restore: to go on with it, and for a control plane that takes it over. */
  restoreId: runIdSchema,
  planId: planIdSchema,
  siteId: siteIdSchema,
  groupId: groupIdSchema,
  manifest: standingSchema,
  objects: z
    .array(
      objectNamed.extend({
        made: objectNamed.nullable(),
        /** Why nothing was made of it. */
        error: z.object({ code: codeSchema, message: sentenceSchema, hint: sentenceSchema.optional() }).optional(),
      }),
    )
    .max(entriesMax),
});
export type ForeignRestore = z.infer<typeof foreignRestoreSchema>;
