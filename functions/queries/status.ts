import type { Instant, RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, TargetRun } from "../../core/api/run.ts";
import type { PlanStatus, StatusAnswer, TargetStatus } from "../../core/api/status.ts";
import { judgeTarget } from "../../core/plan/health.ts";
import { siteOfObjects, targetsOf } from "../../core/plan/place.ts";
import { comesAfter } from "../../core/plan/settled.ts";
import { isAhead, secondsBetween } from "../../core/ports/clock.ts";
import { defaultRetryPolicy } from "../../core/run/retry-policy.ts";
import { nextSlot } from "../../core/schedule/slots.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { PageRequest } from "../documents/page.ts";
import { readGatewaysOfLate } from "../gateways/list.ts";
import type { Deps } from "../ports/deps.ts";
import { withDamage } from "./groups.ts";
import { newestRuns, readRunToShow } from "./last-runs.ts";
import { believedAt, type Newest, readNewest } from "./newest-group.ts";
import { listWholePlans } from "./plans.ts";
import { openShards } from "./runs.ts";
import { whyItWaits } from "./waiting.ts";

/** So many plans are looked at at once, and of each its targets. */
const plansAtOnce = 8;

/**
 * A page of plans by name, and how each is at its targets. It takes a few reads a plan and target:
 * the newest restore points and their damage, the newest runs, and what is given out of those that
 * go on.
 * @param site only the targets at this site, and the plans that have it; a page may be short
 */
export const listStatus = async (deps: Deps, site: SiteId | undefined, request: PageRequest): Promise<StatusAnswer> => {
  const { items, ...page } = await listWholePlans(deps, request);
  return { ...page, ...(await statusOfPlans(deps, items, site)) };
};

/** Of some plans. */
export const statusOfPlans = async (
  deps: Deps,
  plans: readonly Plan[],
  site?: SiteId,
): Promise<Pick<StatusAnswer, "items" | "absentSites">> => {
  const wanted = plans.filter((plan) => site === undefined || targetsOf(plan).includes(site));
  const absent = await absentAmong(deps, wanted);
  const items = await mapBounded(wanted, plansAtOnce, (plan) => statusOf(deps, plan, absent, site));
  return { items, absentSites: [...absent] };
};

/** Sites that active plans need, and of which no gateway was heard of lately. */
const absentAmong = async (deps: Deps, plans: readonly Plan[]): Promise<ReadonlySet<SiteId>> => {
  const active = plans.filter(({ status }) => status === "active");
  const sites = [...new Set(active.flatMap((plan) => [siteOfObjects(plan), ...targetsOf(plan)]))].sort();
  const absent = await mapBounded(sites, plansAtOnce, async (site) =>
    (await readGatewaysOfLate(deps, site)).some(({ alive }) => alive) ? [] : [site],
  );
  return new Set(absent.flat());
};

const statusOf = async (
  deps: Deps,
  plan: Plan,
  absent: ReadonlySet<SiteId>,
  only: SiteId | undefined,
): Promise<PlanStatus> => {
  const now = deps.clock.now();
  const { id: planId, name: planName, kind, status, source, schedule, place, moving } = plan;
  const sites = targetsOf(plan).filter((site) => only === undefined || site === only);
  const runs = await runsOf(deps, plan, sites);
  const targets = await Promise.all(sites.map((site) => targetStatus(deps, plan, site, { runs, absent, now })));
  const next = schedule !== undefined && status === "active" ? nextSlot(schedule, comesAfter(plan, now)) : undefined;
  return {
    ...{ planId, planName, kind, status, source },
    ...(schedule !== undefined && { schedule }),
    ...(place !== undefined && { place }),
    ...(moving !== undefined && { moving }),
    nextSlot: next ?? null,
    targets,
  };
};

/**
 * The plan's newest runs, as far back as it takes to know what came last at each site. Runs lie by
 * their slots: those of a clock that was ahead come first, whatever came after them.
 */
const runsOf = async (deps: Deps, plan: Plan, sites: readonly SiteId[]): Promise<readonly Run[]> => {
  const runs: Run[] = [];
  const open = new Set(sites);
  const now = deps.clock.now();
  for await (const run of newestRuns(deps, plan.id)) {
    runs.push(run);
    if (isAhead(run.slot, now)) continue;
    for (const site of open) if (endedAt(run, site).some(isResult)) open.delete(site);
    if (open.size === 0) break;
  }
  return runs;
};

interface Scene {
  readonly runs: readonly Run[];
  readonly absent: ReadonlySet<SiteId>;
  readonly now: Instant;
}

const targetStatus = async (deps: Deps, plan: Plan, site: SiteId, scene: Scene): Promise<TargetStatus> => {
  const { runs, now } = scene;
  const [found, current] = await Promise.all([readNewest(deps, plan.id, site), currentAt(deps, plan, site, scene)]);
  const last = lastAt(runs, site);
  const findings = {
    newest: await newestShown(deps, found, now),
    last: last === undefined ? null : lastShown(last),
    current,
  };
  return { site, ...judgeTarget(plan, site, findings, { newestTakenAt: found.takenAt, now }), ...findings };
};

const newestShown = async (deps: Deps, { group }: Newest, now: Instant): Promise<TargetStatus["newest"]> => {
  if (group === undefined) return null;
  const { id: groupId, takenAt, sizeBytes, dataBytes, damage } = await withDamage(deps, group);
  const ageSeconds = Math.max(0, secondsBetween(believedAt(group), now));
  return {
    groupId,
    takenAt,
    ageSeconds,
    sizeBytes,
    ...(dataBytes !== undefined && { dataBytes }),
    ...(damage !== undefined && { damage }),
  };
};

interface Ended {
  readonly run: Run;
  readonly part: TargetRun;
  readonly state: "succeeded" | "failed" | "cancelled";
}

/**
 * The last that has succeeded or failed; where none has, the last that was cancelled. A person who
 * cancels a run mends nothing by it, and what was passed over came to nothing. Numbers say which is
 * the last, as a clock may have been wrong.
 */
const lastAt = (runs: readonly Run[], site: SiteId): Ended | undefined => {
  const ended = runs
    .flatMap((run) => endedAt(run, site))
    .toSorted((one, other) => other.run.sequence - one.run.sequence);
  return ended.find(isResult) ?? ended[0];
};

const endedAt = (run: Run, site: SiteId): readonly Ended[] => {
  const part = run.targets[site];
  if (part?.state !== "succeeded" && part?.state !== "failed" && part?.state !== "cancelled") return [];
  return [{ run, part, state: part.state }];
};

const isResult = ({ state }: Ended): boolean => state !== "cancelled";

const lastShown = ({ run, part, state }: Ended): TargetStatus["last"] => {
  const { endedAt, reason, warning } = part;
  return { runId: run.id, slot: run.slot, state, endedAt, reason, warning };
};

const currentAt = async (
  deps: Deps,
  plan: Plan,
  site: SiteId,
  { runs, absent }: Scene,
): Promise<TargetStatus["current"]> => {
  const active = plan.lanes[site]?.active ?? null;
  if (active === null) return null;
  const run = runs.find(({ id }) => id === active) ?? (await readRunToShow(deps, active as RunId));
  const part = run?.targets[site];
  if (run === undefined || part === undefined || part.endedAt !== null) return null;
  const shards = await openShards(deps, run, site, part);
  const { triesMax } = deps.retryPolicy ?? defaultRetryPolicy;
  const waitsFor = whyItWaits(run, site, part, { plan, absent, triesMax, shards });
  return { runId: run.id, slot: run.slot, state: part.state, waitsFor };
};
