import { z } from "zod";
import { groupIdSchema, instantSchema } from "../ids.ts";

/** How a rollback was asked for, as its run was told. */
export const rollbackWishesSchema = z.object({
  /** What was written since the group was taken is given up. */
  discardChanges: z.boolean(),
  /** VMs that are on are switched off. */
  powerOff: z.boolean(),
  /** So long the safety group is kept. */
  keepUntil: instantSchema,
  /** Of a failback: what the objects are expected to be now, instead of the group that it reads. */
  unchangedSince: groupIdSchema.optional(),
});
