import type { PlanSummary } from "../../core/api/answers.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import { latenessOf } from "../../core/plan/late.ts";
import { targetsOf } from "../../core/plan/place.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Deps } from "../ports/deps.ts";
import { readNewest } from "../queries/newest-group.ts";
import { listPlans } from "../queries/plans.ts";
import { metricFields, overdueMetric } from "./metrics.ts";

/** A target of a plan whose newest restore point is older than two cycles. */
export interface Overdue {
  readonly plan: string;
  readonly target: SiteId;
  /** Of the newest restore point; null while there is none. */
  readonly takenAt: Instant | null;
}

const plansPerPage = 100;
const concurrencyMax = 8;

/**
 * Every target of an active plan that is late, by the judgement of core/plan/late.ts; of a
 * snapshot plan, its source.
 */
export const findOverdue = async (deps: Pick<Deps, "store" | "clock" | "log">): Promise<readonly Overdue[]> => {
  const found: Overdue[] = [];
  for await (const { items } of pagesOf((cursor) => listPlans(deps, { limit: plansPerPage, cursor }))) {
    const lanes = items.flatMap((plan) => targetsOf(plan).map((target) => ({ plan, target })));
    const overdue = await mapBounded(lanes, concurrencyMax, (lane) => overdueOf(deps, lane.plan, lane.target));
    found.push(...overdue.flat());
  }
  return found;
};

const overdueOf = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  plan: PlanSummary,
  target: SiteId,
): Promise<readonly Overdue[]> => {
  if (plan.status !== "active" || plan.schedule === undefined) return [];
  const { takenAt } = await readNewest(deps, plan.id, target);
  const { isLate } = latenessOf(plan, target, { newestTakenAt: takenAt, now: deps.clock.now() });
  return isLate ? [{ plan: plan.name, target, takenAt: takenAt ?? null }] : [];
};

/** So many are named in the log. */
const namedMax = 20;

/**
 * Counts them, and logs the number as a metric.
 * @returns how many
 */
export const reportOverdue = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  installation: string,
): Promise<number> => {
  const overdue = await findOverdue(deps);
  const fields = metricFields(overdueMetric, { installation, now: deps.clock.now(), count: overdue.length });
  deps.log.info({ ...fields, overdue: overdue.slice(0, namedMax) }, "restore points that are older than two cycles");
  return overdue.length;
};
