import type { PlanSummary } from "../core/api/answers.ts";
import type { Group } from "../core/api/group.ts";
import type { Instant, SiteId } from "../core/api/ids.ts";
import { earlier, isAhead } from "../core/ports/clock.ts";
import { previewRuns } from "../core/schedule/slots.ts";
import { mapBounded } from "./aws/map-bounded.ts";
import type { Deps } from "./deps.ts";
import { readGroups } from "./engine/groups.ts";
import { metricFields, overdueMetric } from "./metrics.ts";
import { listPlans } from "./queries/plans.ts";

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
 * Every target of an active plan with a schedule where two slots have come since its newest restore
 * point was taken.
 */
export const findOverdue = async (deps: Pick<Deps, "store" | "clock" | "log">): Promise<readonly Overdue[]> => {
  const found: Overdue[] = [];
  let cursor: string | undefined;
  do {
    const page = await listPlans(deps, { limit: plansPerPage, cursor });
    const lanes = page.items.flatMap((plan) => plan.targets.map(({ site }) => ({ plan, target: site })));
    const overdue = await mapBounded(lanes, concurrencyMax, (lane) => overdueOf(deps, lane.plan, lane.target));
    found.push(...overdue.flat());
    ({ cursor } = page);
  } while (cursor !== undefined);
  return found;
};

const overdueOf = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  { id, name, status, schedule, createdAt }: PlanSummary,
  target: SiteId,
): Promise<readonly Overdue[]> => {
  if (status !== "active" || schedule === undefined) return [];
  const now = deps.clock.now();
  const groups = (await readGroups(deps, id, target)).map(({ body }) => body);
  const takenAt = newestBelieved(groups, now)?.takenAt ?? null;
  const second = previewRuns(schedule, takenAt ?? earlier(createdAt, now), 2)[1];
  return second !== undefined && second < now ? [{ plan: name, target, takenAt }] : [];
};

/**
 * The newest restore point by the sequence, since a slot may have been one of a wrong clock. When
 * it was taken is what its gateway's clock said: of one that lies well ahead nobody knows how old
 * it is, so it is as old as the one before at most.
 */
const newestBelieved = (groups: readonly Group[], now: Instant): Group | undefined =>
  groups
    .filter(({ state, takenAt }) => state === "published" && !isAhead(takenAt, now))
    .reduce<Group | undefined>((best, group) => ((best?.sequence ?? 0) > group.sequence ? best : group), undefined);

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
