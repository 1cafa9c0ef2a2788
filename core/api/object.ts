import { z } from "zod";
import { extentBytesMax } from "../extent/geometry.ts";
import { nameCharactersMax } from "../object/name.ts";
import { siteIdSchema, storageIdSchema } from "./ids.ts";

/** The four kinds of W6. `nfs-file` and `vm` are in the vocabulary and refused for now. */
export const objectKindSchema = z.enum(["lun", "volume", "nfs-file", "vm"]);
export type ObjectKind = z.infer<typeof objectKindSchema>;

/**
 * How a volume's bytes lie in its extents. `stripeCount` 1 means that extent k is the k-th range of
 * `extentBytes`.
 */
export const geometrySchema = z.object({
  extentBytes: z.int().positive().max(extentBytesMax),
  stripeCount: z.int().min(1).max(64),
  /** A multiple of 64 KiB that divides `extentBytes`. */
  stripeBytes: z.int().positive(),
});
export type Geometry = z.infer<typeof geometrySchema>;

/**
 * What a cluster knows of an object: enough to make its mirror (W6). One volume an object for LUNs
 * and virtual volumes; a VM has several.
 */
export const objectConfigSchema = z.object({
  kind: objectKindSchema,
  id: storageIdSchema,
  name: z.string().min(1).max(nameCharactersMax),
  volumes: z.array(z.object({ id: storageIdSchema, sizeBytes: z.int().positive(), geometry: geometrySchema })).min(1),
  /** For a LUN: the iSCSI target that it lies in, and its id there; the mirror has the same (W6). */
  lun: z.object({ target: z.string().min(1), lunId: z.int().min(0).max(16383) }).optional(),
  /** Virtual switches that the object uses; each must be mapped on every target (W7). */
  virtualSwitches: z.array(z.string()).default([]),
  /** Set on what this product made: mirrors are guarded (W8), rebuilt objects are ordinary. */
  origin: z.object({ planId: z.string(), siteId: siteIdSchema, role: z.enum(["mirror", "rebuilt"]) }).optional(),
});
export type ObjectConfig = z.infer<typeof objectConfigSchema>;

/**
 * An object that the product can't use as it is: what can be said of it, and why. Its texts are
 * shortened.
 */
export const unusableObjectSchema = z.object({
  kind: z.string().max(256),
  id: z.string().max(256),
  name: z.string().max(256),
  /** A clause: `its name has 300 characters, and 255 are the most`. */
  unusable: z.string().min(1).max(1024),
});
export type UnusableObject = z.infer<typeof unusableObjectSchema>;

/** Which objects of a site are asked for; absent: all. */
export const objectQuerySchema = z.object({
  kind: objectKindSchema.optional(),
  id: storageIdSchema.optional(),
  name: z.string().min(1).max(nameCharactersMax).optional(),
});
export type ObjectQuery = z.infer<typeof objectQuerySchema>;
