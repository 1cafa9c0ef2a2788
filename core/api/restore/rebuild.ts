import { z } from "zod";
import { groupIdSchema, siteIdSchema } from "../ids.ts";

/** More are asked for as all of them. */
export const rebuildObjectsMax = 1000;

/** To have the objects of a restore point back on the site that holds it. */
export const rebuildCreateSchema = z.strictObject({
  type: z.literal("rebuild"),
  groupId: groupIdSchema,
  /** The site that has the group, and on which the objects are rebuilt. */
  siteId: siteIdSchema,
  /**
   * Only these of its objects, by what they were called or had as an id when the group
   * was taken. Absent: all.
   */
  objects: z.array(z.string().min(1).max(1024)).min(1).max(rebuildObjectsMax).optional(),
  /** Stands before the name of everything that is rebuilt. */
  namePrefix: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{0,64}$/, "letters, digits, dots, dashes, 64 characters at most")
    .default("rebuilt-"),
  /**
   * Also where damage was found in the group: what is damaged can't be read then, and the rest can.
   */
  evenDamaged: z.boolean().default(false),
});
