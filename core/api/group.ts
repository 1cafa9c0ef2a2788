import { z } from "zod";
import { groupIdSchema, instantSchema, planIdSchema, runIdSchema, siteIdSchema, storageIdSchema } from "./ids.ts";

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
/** Damage that a site has found in one object of one of its groups, and that is not mended. */
export const damageSchema = z.object({
  groupId: z.string().min(1).max(200),
  /** The object's volume, as the source calls it, and its name. */
  volumeId: storageIdSchema,
  name: z.string(),
  /** In how many of the volume's extents it is. */
  extents: z.int().min(1),
});
export type Damage = z.infer<typeof damageSchema>;

export type Group = z.infer<typeof groupSchema>;
