import { z } from "zod";
import { boundedRecord, entriesMax } from "./bounds.ts";
import { storageIdSchema } from "./ids.ts";
import { nameSchema, objectKindSchema, textSchema } from "./object/common.ts";
import { lunSchema } from "./object/lun.ts";
import { nfsFileSchema } from "./object/nfs-file.ts";
import { virtualVolumeSchema } from "./object/virtual-volume.ts";
import { vmSchema } from "./object/vm.ts";

/** What a cluster knows of an object: enough to make its mirror (W6). */
export const objectConfigSchema = z.discriminatedUnion("kind", [
  lunSchema,
  virtualVolumeSchema,
  nfsFileSchema,
  vmSchema,
]);
export type ObjectConfig = z.infer<typeof objectConfigSchema>;

/**
 * The virtual switches that an object uses, each once, by name; each must be mapped
 * on every target (W7).
 */
export const switchesOf = (object: ObjectConfig): readonly string[] =>
  object.kind === "vm" ? [...new Set(object.vm.nics.flatMap(({ virtualSwitch }) => virtualSwitch ?? []))].sort() : [];

/** A LUN's target and id; undefined of what is none. */
export const lunOf = (object: ObjectConfig | undefined) => (object?.kind === "lun" ? object.lun : undefined);

/** How an object's mirror differs from it: where it lies, and what it is connected to. */
export const mappingSchema = z.object({
  /** The storage pool of the target. Absent: the one that the target has for what says nothing. */
  pool: textSchema.optional(),
  /**
   * Of each virtual switch that the object uses, the one of the target. One that is not among them
   * has none: its NICs are made without a connection.
   */
  switches: boundedRecord(textSchema, textSchema, entriesMax),
});
export type Mapping = z.infer<typeof mappingSchema>;

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
  name: nameSchema.min(1).optional(),
});
export type ObjectQuery = z.infer<typeof objectQuerySchema>;
