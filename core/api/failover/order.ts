import { z } from "zod";
import { instantSchema, runIdSchema, storageIdSchema } from "../ids.ts";
import { nameSchema, objectKindSchema, objectVolumesMax } from "../object/common.ts";
import { reasonSchema } from "../reason.ts";
import { rebuildWishesSchema } from "../restore/wishes.ts";
import { stagePauseSchema } from "./stage.ts";

/**
 * What a failover has a site do, a run each:
 * - `look`: what is in the way of rebuilding a group's objects; nothing is made;
 * - `stop`: which objects are on, and then they are switched off;
 * - `compare`: what objects have that a group has not; nothing is changed;
 * - `start`: a stage's objects are switched on, and waited for.
 */
export const orderSchema = z.enum(["look", "stop", "compare", "start"]);
export type Order = z.infer<typeof orderSchema>;

/** Restores whose objects may stand for others at once. */
const keysMax = 100;

/** What the run of an order is told besides the group whose objects it is about. */
export const orderTermsSchema = z.object({
  /**
   * The rebuilds that made what stands for the objects at the site, as `PlanPlace` has them. What
   * none of them made is the original.
   */
  standIns: z.array(runIdSchema).max(keysMax).optional(),
  /** Of `look`: these of its objects have to have a guest agent that answers, by their index. */
  guestAgents: z.array(z.int().min(0)).max(4000).optional(),
  /** Of `start`. */
  pause: stagePauseSchema.optional(),
});
export type OrderTerms = z.infer<typeof orderTermsSchema>;

/** As the group names it, in home terms. */
const meantSchema = z.object({ kind: objectKindSchema, id: storageIdSchema, name: nameSchema });

/** What one task of an order is. Its group is the task's `fromGroupId`. */
export const orderTaskOfSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("look"),
    object: meantSchema,
    /** How it would be rebuilt. Absent: it is only asked whether it is there, and on. */
    making: z
      .object({
        name: nameSchema.min(1),
        wishes: rebuildWishesSchema.optional(),
        evenDamaged: z.boolean().optional(),
        guestAgent: z.literal(true).optional(),
      })
      .optional(),
  }),
  z.object({ type: z.literal("stop"), object: meantSchema }),
  z.object({ type: z.literal("compare"), object: meantSchema }),
  z.object({ type: z.literal("start"), object: meantSchema }),
  z.object({ type: z.literal("ready"), pause: stagePauseSchema, objects: z.array(meantSchema).max(4000).optional() }),
]);
export type OrderTaskOf = z.infer<typeof orderTaskOfSchema>;

/** So much that is in the way of one object is told. */
export const obstaclesMax = 20;

/** `none`: it is nothing that is switched on or off; `gone`: it is not at the site. */
const powerSchema = z.enum(["on", "off", "none", "gone"]);

/** What such a task came to. */
export const orderAnswerSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("look"),
    /** Where nothing is to be made: what the object is doing. Else `gone`. */
    power: powerSchema,
    /** Why it can't be rebuilt, all of it up to a bound. */
    obstacles: z.array(reasonSchema).max(obstaclesMax),
    /** So much more there was. */
    moreObstacles: z.int().min(0).optional(),
  }),
  z.object({
    type: z.literal("stop"),
    /** What it was before: `on` has been switched off now. */
    power: powerSchema,
  }),
  z.object({
    type: z.literal("compare"),
    power: powerSchema,
    /** In how many extents it differs from what the group has of it. Null: nobody knows. */
    extents: z.int().min(0).nullable(),
    /** Until then it was as the group has it, as far as the site's groups tell. */
    since: instantSchema.optional(),
    /** Volumes that it has got since: the group has nothing of them. */
    added: z.array(nameSchema).max(objectVolumesMax).optional(),
    /** What uses it now, as a clause: `the VM “web” is on`. */
    usedBy: z.string().max(1024).optional(),
  }),
  z.object({
    type: z.literal("start"),
    /** What it was before: `off` has been switched on now. */
    power: powerSchema,
  }),
  z.object({ type: z.literal("ready") }),
]);
export type OrderAnswer = z.infer<typeof orderAnswerSchema>;
export type OrderAnswerOf<T extends OrderAnswer["type"]> = Extract<OrderAnswer, { type: T }>;
