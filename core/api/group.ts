import { z } from "zod";
import { groupIdSchema, instantSchema, planIdSchema, runIdSchema, siteIdSchema } from "./ids.ts";

/** A snapshot group on one site. On the source `role` is `source`, on a target `mirror`: a restore point. */
export const groupSchema = z.object({
  id: groupIdSchema,
  planId: planIdSchema,
  runId: runIdSchema,
  siteId: siteIdSchema,
  role: z.enum(["source", "mirror"]),
  sequence: z.int().min(1),
  /** The instant of the snapshot at the source. */
  takenAt: instantSchema,
  publishedAt: instantSchema,
  objectCount: z.int().min(1),
  sizeBytes: z.int().min(0),
  state: z.enum(["published", "deleting", "deleted"]),
  /** Runs that read the group now; a group with holds is not reclaimed. */
  holds: z.array(z.string()),
});
export type Group = z.infer<typeof groupSchema>;
