import { z } from "zod";
import { groupIdSchema, instantSchema, planIdSchema, runIdSchema, siteIdSchema, storageIdSchema } from "./ids.ts";
import { nameSchema, textSchema } from "./object/common.ts";
import { reasonSchema, warningsMax } from "./reason.ts";
import { rebuildOutlookSchema } from "./restore/way.ts";
import { restoreKindSchema } from "./run.ts";

/**
 * - `lost`: it was published, and a list that the site gave since does not have it. It may come
 *   back, with a disk that was not mounted; until then it is not counted, and neither read nor
 *   deleted.
 * - `unknown`: the site has it, and no run that is known made it. It is kept.
 */
export const groupStateSchema = z.enum(["published", "lost", "unknown", "deleting", "deleted"]);
export type GroupState = z.infer<typeof groupStateSchema>;

/** So many runs read a group at once. */
export const holdsMax = 1000;

/** What a run reads a group for. */
export const holdSchema = z.object({
  runId: textSchema,
  kind: restoreKindSchema,
  /** When it ends at the latest, where that is known. */
  until: instantSchema.optional(),
});
export type Hold = z.infer<typeof holdSchema>;

/**
 * A snapshot group on one site. On the source `role` is `source`, on a target
 * `mirror`: a restore point.
 */
export const groupSchema = z.object({
  id: groupIdSchema,
  planId: planIdSchema,
  runId: runIdSchema,
  siteId: siteIdSchema,
  role: z.enum(["source", "mirror"]),
  /** The number of the run that made it; 0 where a site has a group and does not know. */
  sequence: z.int().min(0),
  /** The instant of the snapshot at the source. */
  takenAt: instantSchema,
  publishedAt: instantSchema,
  objectCount: z.int().min(1),
  /** Absent: by a version that knew objects of one volume each. */
  volumeCount: z.int().min(1).optional(),
  /** What is to be known of it: an object that was gone, a network that is not connected. */
  warnings: z.array(reasonSchema).max(warningsMax).optional(),
  /** Of all its volumes, whether anything is in them or not. */
  sizeBytes: z.int().min(0),
  /**
   * Of extents that hold something, and what of that is other than in the restore point before.
   * Absent: nobody told, as of a group at its source.
   */
  dataBytes: z.int().min(0).optional(),
  changedBytes: z.int().min(0).optional(),
  /**
   * How its site would make its objects again, as it was when it was published. Absent: nobody
   * told, as of a group at its source.
   */
  rebuild: rebuildOutlookSchema.optional(),
  state: groupStateSchema,
  /**
   * Its run did not come to its end here, on the source at no target: it does not
   * count among `keepLast`.
   */
  ofFailedRun: z.literal(true).optional(),
  /**
   * Of a deleted group: the plan's number when that was heard. A list that was asked for later, and
   * has it, is right.
   */
  deletedSequence: z.int().min(0).optional(),
  /**
   * So long it is kept, whatever the retention says, and then it goes. It counts among no
   * `keepLast`. Absent: as the retention says.
   */
  keepUntil: instantSchema.optional(),
  /** Runs that read the group now; a group with holds is not reclaimed. */
  holds: z.array(textSchema).max(holdsMax),
  /** What is known of these. Absent, or not all of them: of a version before. */
  heldFor: z.array(holdSchema).max(holdsMax).optional(),
});
export type Group = z.infer<typeof groupSchema>;

/** Damage that a site has found in one object of one of its groups, and that is not mended. */
export const damageSchema = z.object({
  groupId: z.string().min(1).max(200),
  /** The object's volume, as the source calls it, and its name. */
  volumeId: storageIdSchema,
  name: nameSchema,
  /** In how many of the volume's extents it is. */
  extents: z.int().min(1),
});
export type Damage = z.infer<typeof damageSchema>;

/**
 * A group as its site tells of it. Number and instant tell it from another group of the same id.
 */
export const listedGroupSchema = z.object({
  groupId: groupIdSchema,
  /** Null where the site has not kept it. */
  sequence: z.int().min(1).nullable(),
  takenAt: instantSchema,
  volumeCount: z.int().min(0),
  sizeBytes: z.int().min(0),
  /** As the site was told to keep it. */
  keepUntil: instantSchema.optional().catch(undefined),
});
export type ListedGroup = z.infer<typeof listedGroupSchema>;
