import { z } from "zod";
import { commonObject, textSchema } from "./common.ts";

/** Settings of an NFS export that its mirror gets as well. */
export const nfsExportSettingsSchema = z.object({
  description: z.string().max(1024).optional(),
  ipWhitelist: z.string().max(4096).optional(),
  replicaNum: z.int().min(1).max(3).optional(),
  thinProvision: z.boolean().optional(),
});
export type NfsExportSettings = z.infer<typeof nfsExportSettingsSchema>;

/** A file of an NFS export; one volume. Its name is `/exports/EXPORT/PATH`. */
export const nfsFileSchema = z.object({
  kind: z.literal("nfs-file"),
  ...commonObject,
  file: z.object({
    export: textSchema,
    /** Below the export, without a leading slash: `vm/web.vmdk`. */
    path: textSchema,
    settings: nfsExportSettingsSchema.optional(),
  }),
});
export type NfsFileObject = z.infer<typeof nfsFileSchema>;
