import type { SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";

type Placed = Pick<Plan, "kind" | "source" | "targets" | "place">;

/** Where the plan's objects are, and its runs take their snapshots. */
export const siteOfObjects = ({ source, place }: Pick<Placed, "source" | "place">): SiteId => place?.siteId ?? source;

/** Whether they are at another site than the one that the plan protects. */
export const isAway = (plan: Pick<Placed, "source" | "place">): boolean => siteOfObjects(plan) !== plan.source;

/**
 * The sites that its runs go to. A snapshot plan has one lane: its own site. Of a plan whose
 * objects are away home stands in the place of the site where they are.
 */
export const targetsOf = ({ kind, source, targets, place }: Placed): readonly SiteId[] => {
  if (kind === "snapshot") return [source];
  return targets.map(({ site }) => (site === place?.siteId ? source : site));
};
