import { z } from "zod";
import { instantSchema } from "../ids.ts";

/** How a rollback was asked for, as its run was told. */
export const rollbackWishesSchema = z.object({
  /** What was written since the group was taken is given up. */
  discardChanges: z.boolean(),
  /** VMs that are on are switched off. */
  powerOff: z.boolean(),
  /** So long the safety group is kept. */
  keepUntil: instantSchema,
});
