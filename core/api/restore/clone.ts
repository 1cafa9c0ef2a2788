import { z } from "zod";
import { siteIdSchema } from "../ids.ts";
import { rebuildCreateSchema } from "./rebuild.ts";

/** To have the objects of a group at any site: what that lacks of the group is sent there first. */
export const cloneCreateSchema = rebuildCreateSchema.extend({
  type: z.literal("clone"),
  /** The site that has the group and sends it. Absent: the only one that has it. */
  fromSiteId: siteIdSchema.optional(),
  /** The site at which the objects are made. */
  siteId: siteIdSchema,
});
