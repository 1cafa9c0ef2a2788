import type { PlanListEntry } from "../../core/api/answers.ts";
import type { PlanId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { partsOf, type RunStatus, statusOf } from "../../core/run/steps.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import { newestRuns } from "./last-runs.ts";
import { listPlans } from "./plans.ts";

const plansAtOnce = 8;

type LastRun = NonNullable<PlanListEntry["lastRun"]>;

/** Plans by name, with what the last run of each came to: a read or two more a plan. */
export const listPlansWithLastRuns = async (
  deps: Pick<Deps, "store" | "log">,
  request: PageRequest,
): Promise<Page<PlanListEntry>> => {
  const { items, ...page } = await listPlans(deps, request);
  const withRuns = await mapBounded(items, plansAtOnce, async (plan) => ({
    ...plan,
    lastRun: await lastRunOf(deps, plan.id),
  }));
  return { ...page, items: withRuns };
};

/** What goes on has come to nothing yet, and what was passed over never does. */
const results: readonly RunStatus[] = ["succeeded", "partly", "failed", "cancelled"] satisfies LastRun["status"][];

/** Null: no run of the plan has come to something yet. */
export const lastRunOf = async (deps: Pick<Deps, "store">, planId: PlanId): Promise<LastRun | null> => {
  for await (const run of newestRuns(deps, planId)) {
    const status = statusOf(run);
    if (isResult(status)) return { id: run.id, slot: run.slot, status, endedAt: endOf(run) };
  }
  return null;
};

const isResult = (status: RunStatus): status is LastRun["status"] => results.includes(status);

const endOf = (run: Run): LastRun["endedAt"] =>
  partsOf(run)
    .flatMap(([, { endedAt }]) => endedAt ?? [])
    .sort()
    .at(-1) ?? null;
