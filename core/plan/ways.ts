import type { SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import { isAway, siteOfObjects, targetsOf } from "./place.ts";

type Lane = Plan["lanes"][string];

const isBusy = ({ active, queued }: Lane): boolean => active !== null || queued !== null;

/** From where to where a plan's increments go. */
type Way = readonly [from: SiteId, to: SiteId];

/**
 * The ways that a plan sends on, and those that it will when it is back: their next increments
 * need a base at both ends. A target that it no longer copies to has none, nor has any when the
 * plan is deleted, but for what goes on.
 */
export const waysOf = (plan: Plan): readonly Way[] => {
  if (plan.kind === "snapshot") return [];
  const busy = Object.entries(plan.lanes).flatMap(([target, lane]) => (isBusy(lane) ? [target as SiteId] : []));
  const living = plan.status === "deleted" ? [] : targetsOf(plan);
  const from = siteOfObjects(plan);
  const now = [...new Set([...living, ...busy])].map((to): Way => [from, to]);
  const isBack = plan.status === "deleted" || !isAway(plan);
  const then = isBack ? [] : plan.targets.map(({ site }): Way => [plan.source, site]);
  return [...now, ...then];
};

/** The other ends of a site's ways. */
export const partnersOf = (plan: Plan, siteId: SiteId): ReadonlySet<SiteId> =>
  new Set(waysOf(plan).flatMap(([from, to]) => (from === siteId ? [to] : to === siteId ? [from] : [])));
