import { z } from "zod";
import { groupAnswerSchema, pageOf } from "./answers.ts";
import { entriesMax, sentenceSchema } from "./bounds.ts";
import { groupIdSchema, instantSchema, planIdSchema, planNameSchema, runIdSchema, siteIdSchema } from "./ids.ts";
import { planSchema, planTargetsMax, scheduleSchema } from "./plan.ts";
import { reasonSchema } from "./reason.ts";
import { targetStateSchema } from "./run.ts";

/**
 * - `late`: the newest restore point is older than the plan's cycle allows
 * - `failing`: of the runs that succeeded or failed here the last has failed, or a run has ended
 *   and there is no restore point
 * - `damaged`: its site says that the newest restore point is damaged
 * - `waiting`: a run goes on, and something has to happen before it moves
 * - `never-run`: there is no restore point, and no run has ended yet
 */
export const targetHealthSchema = z.enum([
  "late",
  "failing",
  "damaged",
  "suspended",
  "waiting",
  "running",
  "never-run",
  "well",
]);
export type TargetHealth = z.infer<typeof targetHealthSchema>;

/** One target of a plan; of a snapshot plan, its source. */
export const targetStatusSchema = z.object({
  site: siteIdSchema,
  /** The worst that is true of it, in the order above. */
  state: targetHealthSchema,
  isLate: z.boolean(),
  isFailing: z.boolean(),
  /** It is late once this has passed without another restore point. Null: it never is. */
  lateFrom: instantSchema.nullable(),
  newest: z
    .object({
      groupId: groupIdSchema,
      takenAt: instantSchema,
      ageSeconds: z.number().min(0),
      sizeBytes: z.int().min(0),
      dataBytes: z.int().min(0).optional(),
      /** What its site says is damaged of it, up to a hundred objects. Absent: nothing. */
      damage: groupAnswerSchema.shape.damage,
    })
    .nullable(),
  /** The last run that succeeded or failed here; where none has, the last that was cancelled. */
  last: z
    .object({
      runId: runIdSchema,
      slot: instantSchema,
      state: z.enum(["succeeded", "failed", "cancelled"]),
      endedAt: instantSchema.nullable(),
      reason: reasonSchema.nullable(),
      warning: reasonSchema.nullable(),
    })
    .nullable(),
  /** The run that goes on here, and why nothing moves. */
  current: z
    .object({
      runId: runIdSchema,
      slot: instantSchema,
      state: targetStateSchema,
      waitsFor: sentenceSchema.nullable(),
    })
    .nullable(),
});
export type TargetStatus = z.infer<typeof targetStatusSchema>;

export const planStatusSchema = z.object({
  planId: planIdSchema,
  planName: planNameSchema,
  kind: planSchema.shape.kind,
  status: planSchema.shape.status,
  source: siteIdSchema,
  schedule: scheduleSchema.optional(),
  /** As the plan has them. Absent: its objects are the originals, at its source. */
  place: planSchema.shape.place,
  moving: planSchema.shape.moving,
  /** Null: it has no schedule, or that has ended, or it is suspended. */
  nextSlot: instantSchema.nullable(),
  targets: z.array(targetStatusSchema).max(planTargetsMax),
});
export type PlanStatus = z.infer<typeof planStatusSchema>;

/** A page of plans by name. */
export const statusAnswerSchema = pageOf(planStatusSchema).extend({
  /** Of the sites that these plans need, those of which no gateway was heard of lately. */
  absentSites: z.array(siteIdSchema).max(entriesMax),
});
export type StatusAnswer = z.infer<typeof statusAnswerSchema>;
