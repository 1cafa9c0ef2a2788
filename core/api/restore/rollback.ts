import { z } from "zod";
import { groupIdSchema, siteIdSchema } from "../ids.ts";
import { rebuildObjectsMax } from "./rebuild.ts";

export const safetyDaysMax = 365;

/** To have objects become again, on the site that the plan protects, what a group has of them. */
export const rollbackCreateSchema = z.strictObject({
  type: z.literal("rollback"),
  groupId: groupIdSchema,
  /**
   * Where the data comes from. Absent: from the protected site itself where it has the group still,
   * else from a target that has it.
   */
  from: siteIdSchema.optional(),
  /**
   * Only these of its objects, by what they were called or had as an id when the group
   * was taken. Absent: all.
   */
  objects: z.array(z.string().min(1).max(1024)).min(1).max(rebuildObjectsMax).optional(),
  /** What was written since the group was taken is given up; else the rollback is refused (I12). */
  discardChanges: z.boolean().default(false),
  /** VMs that are on are switched off; else the rollback is refused. */
  powerOff: z.boolean().default(false),
  /** So long the group of the present state is kept, by which the rollback can be undone. */
  keepSafetyDays: z.int().min(1).max(safetyDaysMax).default(3),
});
