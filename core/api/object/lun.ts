import { z } from "zod";
import { commonObject, textSchema } from "./common.ts";

/** Settings of an iSCSI target that its mirror gets as well. Secrets are not among them. */
export const iscsiTargetSettingsSchema = z.object({
  description: z.string().max(1024).optional(),
  /**
   * Which addresses, and which initiators may log in; as CloudTower has them, separated by commas.
   */
  ipWhitelist: z.string().max(4096).optional(),
  iqnWhitelist: z.string().max(4096).optional(),
  replicaNum: z.int().min(1).max(3).optional(),
  thinProvision: z.boolean().optional(),
});
export type IscsiTargetSettings = z.infer<typeof iscsiTargetSettingsSchema>;

/** An iSCSI LUN; one volume. */
export const lunSchema = z.object({
  kind: z.literal("lun"),
  ...commonObject,
  /**
   * The iSCSI target that it lies in, and its id there; the mirror has the same id (W6). Absent in
   * what versions before wrote of volumes that had none.
   */
  lun: z
    .object({
      target: textSchema,
      lunId: z.int().min(0).max(16383),
      allowedInitiators: z.string().max(4096).optional(),
      settings: iscsiTargetSettingsSchema.optional(),
    })
    .optional(),
});
export type LunObject = z.infer<typeof lunSchema>;
