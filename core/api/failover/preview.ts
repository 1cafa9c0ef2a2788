import { z } from "zod";
import { entriesMax } from "../bounds.ts";
import { confirmationSchema } from "../deletion/request.ts";
import { groupIdSchema, instantSchema, planIdSchema, planNameSchema, siteIdSchema } from "../ids.ts";
import { planObjectSchema } from "../plan.ts";
import { reasonSchema } from "../reason.ts";
import { failoverWishSchema } from "./request.ts";

/** So many objects are shown of a preview; the counts are of all. */
export const previewedMax = 1000;

/** What becomes of an object: what was written after `takenAt` is not there. */
const previewedSchema = planObjectSchema.extend({
  /** The newest restore point there that has it. Null: none has. */
  groupId: groupIdSchema.nullable(),
  takenAt: instantSchema.nullable(),
  /** It is in the restore point that is rebuilt. */
  rebuilt: z.boolean(),
});

/** What a failover would do, and what is to be known of it before. */
export const failoverPreviewSchema = z.object({
  planId: planIdSchema,
  planName: planNameSchema,
  kind: failoverWishSchema.shape.kind,
  home: siteIdSchema,
  to: siteIdSchema,
  /** What is rebuilt. A planned one sends another first. */
  group: z.object({ id: groupIdSchema, takenAt: instantSchema, objectCount: z.int().min(1) }),
  objects: z.array(previewedSchema).max(previewedMax),
  objectCount: z.int().min(0),
  /** That home answers, for instance, and its machines may run. */
  notes: z.array(reasonSchema).max(entriesMax),
  confirmation: confirmationSchema,
  /** Until then it can be confirmed. */
  until: instantSchema,
});
export type FailoverPreview = z.infer<typeof failoverPreviewSchema>;
