import { z } from "zod";
import { stageSchema, stagesMax } from "../failover/stage.ts";
import {
  compressionSchema,
  planEntrySchema,
  planObjectsMax,
  planTargetSchema,
  planTargetsMax,
  retentionSchema,
  scheduleSchema,
} from "../plan.ts";

/** How a plan was set when a run of it began, as far as that is not what the run is about. */
export const planSettingsSchema = z.object({
  schedule: scheduleSchema.optional(),
  /** Of the source's own groups. */
  retention: retentionSchema.optional(),
  targets: z.array(planTargetSchema).max(planTargetsMax),
  stages: z.array(stageSchema).max(stagesMax).optional(),
});
export type PlanSettings = z.infer<typeof planSettingsSchema>;

/**
 * What a target is told of the plan that a group is of, so that another control plane can have it
 * back. It is kept in the group's manifest.
 */
export const toldPlanSchema = planSettingsSchema.extend({
  /** The objects and rules that the run was told. */
  entries: z.array(planEntrySchema).max(planObjectsMax),
  compression: compressionSchema,
});
export type ToldPlan = z.infer<typeof toldPlanSchema>;
