import type { PlanStage } from "../../core/api/failover/stage.ts";
import type { PlanId } from "../../core/api/ids.ts";
import type { Deps } from "../ports/deps.ts";
import { readPlan } from "../queries/plans.ts";

/** In which order a plan's machines are switched on. Without stages all are at once. */
export const readStages = async (deps: Deps, planId: PlanId): Promise<readonly PlanStage[]> =>
  (await readPlan(deps, planId)).stages ?? [];
