import { z } from "zod";
import { entriesMax } from "../bounds.ts";
import { groupSchema } from "../group.ts";
import { instantSchema, planIdSchema, planNameSchema, siteIdSchema } from "../ids.ts";
import { planObjectSchema } from "../plan.ts";
import { reasonSchema } from "../reason.ts";
import { restoredMax, runSchema } from "../run.ts";
import { confirmationSchema } from "./request.ts";
import { spaceQuestionIdSchema } from "./space.ts";

/** So many groups are shown of a site; the counts are of all. */
export const goingShownMax = 100;

/** What would go at one site. */
const goingAtSchema = z.object({
  siteId: siteIdSchema,
  /** The plan's mirrors there go, too: what a next run would write into. */
  mirrors: z.boolean(),
  /** The newest first. */
  groups: z
    .array(groupSchema.pick({ id: true, takenAt: true, role: true, objectCount: true, sizeBytes: true, state: true }))
    .max(goingShownMax),
  groupCount: z.int().min(0),
  /** What a restore made there. Absent: nothing of that kind goes. */
  objects: z
    .array(planObjectSchema.pick({ kind: true, id: true, name: true }))
    .max(restoredMax)
    .optional(),
  /** What the site was asked about its space; its answer comes by itself. */
  spaceQuestion: spaceQuestionIdSchema,
});

/** What would go, and what is to be known of it before. */
export const deletionPreviewSchema = z.object({
  planId: planIdSchema,
  planName: planNameSchema,
  /** The plan itself goes. */
  plan: z.boolean(),
  sites: z.array(goingAtSchema).max(entriesMax),
  /** That the next run is full, or can't tell what has changed, for instance. */
  notes: z.array(reasonSchema).max(entriesMax),
  confirmation: confirmationSchema,
  /** Until then it can be confirmed. */
  until: instantSchema,
});
export type DeletionPreview = z.infer<typeof deletionPreviewSchema>;

/** What a confirmed deletion has begun. */
export const deletionAnswerSchema = z.object({
  /** The plan that is deleted. Absent: none was to be. */
  deleted: planIdSchema.optional(),
  /** The run that deletes at the sites. Null: there was nothing. */
  run: runSchema.nullable(),
});
