import { z } from "zod";
import { groupIdSchema, runIdSchema, siteIdSchema } from "../ids.ts";
import { planDefinitionSchema } from "../plan.ts";

const plan = planDefinitionSchema.shape.name.describe("a plan's id or its name");

/** Also what a safety group is kept for, until its time is over. */
const despiteKeepUntil = z.boolean().default(false);

/** One group at one site. */
const groupDeletionSchema = z.strictObject({
  type: z.literal("group"),
  groupId: groupIdSchema,
  siteId: siteIdSchema,
  /** Also where it is the last good restore point that a living plan has there, or of an object. */
  last: z.boolean().default(false),
  despiteKeepUntil,
});

/** More are taken out as a plan. */
export const takenOutMax = 100;

/**
 * What a plan that goes there no more has left at a site: mirrors, and all groups. `objects`: what
 * was taken out of a plan that goes there still, by name or id; the groups that have any of it.
 */
const mirrorDeletionSchema = z.strictObject({
  type: z.literal("mirror"),
  plan,
  siteId: siteIdSchema,
  objects: z.array(z.string().min(1).max(1024)).min(1).max(takenOutMax).optional(),
  despiteKeepUntil,
});

/** A plan, and what it has everywhere. */
const planDeletionSchema = z.strictObject({ type: z.literal("plan"), plan, despiteKeepUntil });

/**
 * What a rebuild or a clone has made at a site: all of it, or these, by the names that they got or
 * by their ids there.
 */
const restoredDeletionSchema = z.strictObject({
  type: z.literal("restored"),
  restoreId: runIdSchema,
  siteId: siteIdSchema,
  objects: z.array(z.string().min(1).max(1024)).min(1).max(takenOutMax).optional(),
});

/** What a person wants to have deleted by hand. */
export const deletionWishSchema = z.discriminatedUnion("type", [
  groupDeletionSchema,
  mirrorDeletionSchema,
  planDeletionSchema,
  restoredDeletionSchema,
]);
export type DeletionWish = z.infer<typeof deletionWishSchema>;

/** What the preview gave: an instant up to which it counts, and a digest of all that would go. */
export const confirmationSchema = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z~[A-Za-z0-9_-]{43}$/, "the confirmation that the preview gave");

/** The wish again, with the confirmation of its preview. */
export const deletionCreateSchema = z.strictObject({ wish: deletionWishSchema, confirmation: confirmationSchema });
