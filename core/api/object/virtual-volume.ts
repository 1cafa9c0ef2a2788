import { z } from "zod";
import { commonObject, textSchema } from "./common.ts";

/** A virtual volume by itself, also while VMs have it (W6). */
export const virtualVolumeSchema = z.object({
  kind: z.literal("volume"),
  ...commonObject,
  /** Several VMs may use it at once. Absent: no. */
  sharing: z.boolean().optional(),
  /** The names of the VMs that have it. Absent: none. */
  vms: z.array(textSchema).max(100).optional(),
});
