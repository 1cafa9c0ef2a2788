import { z } from "zod";
import { VisibleError } from "../core/api/errors.ts";
import { planIdSchema } from "../core/api/ids.ts";
import type { Deps } from "./deps.ts";
import { applyToPlan } from "./engine/engine.ts";

/** What the scheduler sends: the plan, and the slot that it fires for. */
export const planInvocationSchema = z.object({ planId: planIdSchema, scheduledTime: z.string() });

/**
 * The scheduler fired for a plan. Which slots are due is worked out from the plan itself, so a tick that comes twice,
 * late, or at a time that is no slot does no harm.
 */
export const handlePlanInvocation = async (deps: Deps, input: unknown): Promise<void> => {
  const { planId, scheduledTime } = planInvocationSchema.parse(input);
  try {
    await applyToPlan(deps, planId, { type: "tick" });
    deps.log.info({ planId, scheduledTime }, "the schedule fired");
  } catch (error) {
    if (!VisibleError.is(error, "PLAN_UNKNOWN")) throw error;
    deps.log.warn({ planId }, "a schedule fired for a plan that is not there");
  }
};
