import { handlePlanInvocation } from "../plan.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("plan");

/** EventBridge Scheduler → the plan function. */
export const handler = (input: unknown): Promise<void> => handlePlanInvocation(deps, input);
