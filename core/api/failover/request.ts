import { z } from "zod";
import { confirmationSchema } from "../deletion/request.ts";
import { groupIdSchema, runIdSchema, siteIdSchema } from "../ids.ts";
import { planDefinitionSchema } from "../plan.ts";
import { rebuildCreateSchema } from "../restore/rebuild.ts";

const testSecondsMin = 60;
const testSecondsMax = 90 * 24 * 3600;
/** Of a test that says nothing. */
export const testSecondsDefault = 8 * 3600;

/**
 * What a person wants to have failed over. `planned`: home answers, and nothing is lost.
 * `unplanned`: what came after the newest restore point stays at home. `test`: beside everything,
 * with no NIC connected, and removed by itself.
 */
export const failoverWishSchema = z.strictObject({
  plan: planDefinitionSchema.shape.name.describe("a plan's id or its name"),
  to: siteIdSchema,
  kind: z.enum(["planned", "unplanned", "test"]),
  /** What some of the objects are called there; the others keep their names. */
  renames: rebuildCreateSchema.shape.renames,
  pool: rebuildCreateSchema.shape.pool,
  switches: rebuildCreateSchema.shape.switches,
  /** Of a test: when it is removed. Absent: after eight hours. */
  forSeconds: z.int().min(testSecondsMin).max(testSecondsMax).optional(),
  /** Of an unplanned one or a test: another restore point than the newest. */
  groupId: groupIdSchema.optional(),
  /** Of an unplanned one: a rebuild of before, whose objects there stand for the plan's now. */
  madeBy: runIdSchema.optional(),
});
export type FailoverWish = z.infer<typeof failoverWishSchema>;

/** The wish again, with the confirmation of its preview. */
export const failoverCreateSchema = z.strictObject({ wish: failoverWishSchema, confirmation: confirmationSchema });

/** What is said to a failover. */
export const failoverCommandBodySchema = z.strictObject({
  /** What only one of the sites has of the objects may be given up. */
  discardChanges: z.boolean().default(false),
});
