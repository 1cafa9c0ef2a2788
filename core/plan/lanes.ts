import type { RunId, SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import type { Reason } from "../api/reason.ts";
import type { PlanEffect } from "./events.ts";
import { targetsOf } from "./place.ts";

type Lane = Plan["lanes"][string];

const free: Lane = { active: null, queued: null };

/** A plan with its lanes in another state, and what is to be done about that. */
interface Lanes {
  readonly lanes: Plan["lanes"];
  readonly effects: readonly PlanEffect[];
}

/**
 * A run comes to a lane: it starts there, or waits for what runs and takes the place of what
 * waited (W22).
 */
export const entered = (
  lanes: Plan["lanes"],
  { runId, target, reason }: { readonly runId: RunId; readonly target: SiteId; readonly reason: Reason },
): Lanes => {
  const lane = lanes[target] ?? free;
  if (lane.active === null)
    return {
      lanes: { ...lanes, [target]: { active: runId, queued: null } },
      effects: [{ type: "start", runId, target }],
    };
  const effects = lane.queued === null ? [] : [superseded(lane.queued, target, reason)];
  return { lanes: { ...lanes, [target]: { ...lane, queued: runId } }, effects };
};

const superseded = (runId: string, target: SiteId, reason: Reason): PlanEffect => ({
  type: "supersede",
  runId: runId as RunId,
  target,
  reason,
});

/** What is going on is cancelled, and what waits is skipped. A lane is free when its run ends. */
export const emptied = (plan: Plan, reason: Reason): Lanes => {
  const effects: PlanEffect[] = [];
  const lanes: Record<string, Lane> = {};
  for (const [target, lane] of Object.entries(plan.lanes) as [SiteId, Lane][]) {
    if (lane.queued !== null) effects.push(superseded(lane.queued, target, reason));
    if (lane.active !== null) effects.push({ type: "cancel", runId: lane.active as RunId, target });
    lanes[target] = { ...lane, queued: null };
  }
  return { lanes, effects };
};

/** The run's part in a lane has ended: what waited starts. Undefined: it is not the one there. */
export const released = (plan: Plan, target: SiteId, runId: RunId): Lanes | undefined => {
  const lane = plan.lanes[target];
  if (lane === undefined || lane.active !== runId) return undefined;
  const next = lane.queued as RunId | null;
  const { [target]: _, ...others } = plan.lanes;
  const isGone = next === null && !targetsOf(plan).includes(target);
  const lanes = isGone ? others : { ...plan.lanes, [target]: { active: next, queued: null } };
  return { lanes, effects: next === null ? [] : [{ type: "start", runId: next, target }] };
};

/** Whether a run is in one of the plan's lanes. */
export const hasRun = ({ lanes }: Pick<Plan, "lanes">, runId: RunId): boolean =>
  Object.values(lanes).some(({ active, queued }) => active === runId || queued === runId);
