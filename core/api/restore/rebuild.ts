import { z } from "zod";
import { groupIdSchema, siteIdSchema } from "../ids.ts";
import { rebuildWishesSchema } from "./wishes.ts";

/** More are asked for as all of them. */
export const rebuildObjectsMax = 1000;
/** More get their names by a prefix. */
export const renamesMax = 200;

/** An object of a group as a person names it: what it was called or had as an id then. */
const meantSchema = z.string().min(1).max(1024);
/** What an object is to be called; of a file, all of its path. */
const newNameSchema = z.string().min(1).max(1024);

/** To have the objects of a group back on the site that holds it. */
export const rebuildCreateSchema = z.strictObject({
  type: z.literal("rebuild"),
  groupId: groupIdSchema,
  /** The site that has the group, and on which the objects are rebuilt. */
  siteId: siteIdSchema,
  /** Only these of its objects. Absent: all. */
  objects: z.array(meantSchema).min(1).max(rebuildObjectsMax).optional(),
  /** Stands before the name of everything that is rebuilt and gets no other name. */
  namePrefix: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{0,64}$/, "letters, digits, dots, dashes, 64 characters at most")
    .default("rebuilt-"),
  /** What the one object that is rebuilt is called. */
  name: newNameSchema.optional(),
  /** What some of the objects are called. */
  renames: z
    .array(z.strictObject({ object: meantSchema, name: newNameSchema }))
    .min(1)
    .max(renamesMax)
    .optional(),
  ...rebuildWishesSchema.shape,
  /**
   * Also where damage was found in the group: what is damaged can't be read then, and the rest can.
   */
  evenDamaged: z.boolean().default(false),
});
export type RebuildCreate = z.infer<typeof rebuildCreateSchema>;
