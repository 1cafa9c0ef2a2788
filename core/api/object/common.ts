import { z } from "zod";
import { boundedRecord } from "../bounds.ts";
import { planNameSchema, runIdSchema, siteIdSchema, storageIdSchema } from "../ids.ts";
import { nameCharactersMax } from "../name.ts";
import { volumeShapeSchema } from "./volume-shape.ts";

/** The four kinds of W6. */
export const objectKindSchema = z.enum(["lun", "volume", "nfs-file", "vm"]);
export type ObjectKind = z.infer<typeof objectKindSchema>;

/** So long is a text that a cluster gives: a target's name, a switch's, a label's. */
export const textCharactersMax = 255;
export const textSchema = z.string().min(1).max(textCharactersMax);

/** An object's, as its cluster gave it. */
export const nameSchema = z.string().max(nameCharactersMax);

/**
 * What of an object is not protected (W6), and why: `CD-ROM tools.iso`,
 * `it is no data of the VM's`.
 */
export const leftOutSchema = z.object({ what: textSchema, reason: textSchema });
export const leftOutsSchema = z.array(leftOutSchema).max(300);
export type LeftOut = z.infer<typeof leftOutSchema>;

/** Whose mirror an object is, or from what it was rebuilt. */
export const originSchema = z.object({
  planId: z.string().max(256),
  siteId: siteIdSchema,
  role: z.enum(["mirror", "rebuilt"]),
  /** Of the plan; absent where its cluster has not kept it, as of plans of its own site. */
  planName: planNameSchema.optional(),
  /** The restore that rebuilt it. Absent of a mirror, and where its cluster has not kept it. */
  restoreId: runIdSchema.optional(),
});
export type Origin = z.infer<typeof originSchema>;

export const labelsMax = 50;

/** Of one object. */
export const objectVolumesMax = 256;

/** What objects of every kind have. */
export const commonObject = {
  id: storageIdSchema,
  name: nameSchema.min(1),
  volumes: z.array(volumeShapeSchema).min(1).max(objectVolumesMax),
  /** CloudTower's labels: keys with a value, which may be empty. Absent: none. */
  labels: boundedRecord(textSchema, z.string().max(textCharactersMax), labelsMax).optional(),
  /** Absent: nothing is left out. */
  leftOut: leftOutsSchema.optional(),
  /** Set on what this product made: mirrors are guarded (W8), rebuilt objects are ordinary. */
  origin: originSchema.optional(),
};
