import { z } from "zod";
import { VisibleError } from "../core/api/errors.ts";
import { type PlanId, planIdSchema } from "../core/api/ids.ts";
import { applyToPlan } from "./engine/engine.ts";
import { leaveScheduleToSweep } from "./engine/schedule.ts";
import type { Deps } from "./ports/deps.ts";

/** What the scheduler sends: the plan, and the slot that it fires for. */
export const planInvocationSchema = z.object({ planId: planIdSchema, scheduledTime: z.string() });

/**
 * The scheduler fired for a plan. Which slots are due is worked out from the plan itself, so a tick
 * that comes twice, late, or at a time that is no slot does no harm. A schedule that has outlived
 * its plan is removed.
 */
export const handlePlanInvocation = async (deps: Deps, input: unknown): Promise<void> => {
  const { planId, scheduledTime } = planInvocationSchema.parse(input);
  if (await isThere(deps, planId)) {
    deps.log.info({ planId, scheduledTime }, "the schedule fired");
  } else {
    deps.log.warn({ planId }, "a schedule fired for a plan that is not there; it is removed");
    await leaveScheduleToSweep(deps, planId);
  }
};

const isThere = async (deps: Deps, planId: PlanId): Promise<boolean> => {
  try {
    return (await applyToPlan(deps, planId, { type: "tick" })).status !== "deleted";
  } catch (error) {
    if (VisibleError.is(error, "PLAN_UNKNOWN")) return false;
    throw error;
  }
};
