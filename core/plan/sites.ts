import { VisibleError } from "../api/errors.ts";
import type { SiteId } from "../api/ids.ts";
import type { PlanDefinition } from "../api/plan.ts";
import type { Site } from "../api/site.ts";

/**
 * @throws {VisibleError} SITE_UNKNOWN, SITE_IN_OTHER_MULTI_CLUSTER,
 * PLAN_TARGET_IS_SOURCE, BAD_REQUEST
 */
export const refuseWrongSites = ({ source, targets }: PlanDefinition, sites: readonly Site[]): void => {
  const sourceSite = knownSite(sites, source);
  const seen = new Set<SiteId>();
  for (const { site } of targets) {
    if (site === source) {
      throw new VisibleError("PLAN_TARGET_IS_SOURCE", `Site “${site}” is the plan's source and can't be its target.`, {
        hint: "Choose another target. A plan without any target makes snapshots on its source.",
      });
    }
    if (seen.has(site)) {
      throw new VisibleError("BAD_REQUEST", `Site “${site}” is twice among the targets.`, { hint: "Name it once." });
    }
    seen.add(site);
    const { multiCluster } = knownSite(sites, site);
    if (multiCluster !== sourceSite.multiCluster) {
      throw new VisibleError(
        "SITE_IN_OTHER_MULTI_CLUSTER",
        `Site “${site}” belongs to the multi-cluster “${multiCluster}”, and the source “${source}” to “${sourceSite.multiCluster}”.`,
        { hint: `Choose a target in “${sourceSite.multiCluster}”.` },
      );
    }
  }
};

/** @throws {VisibleError} SITE_UNKNOWN */
export const knownSite = (sites: readonly Site[], id: SiteId): Site => {
  const site = sites.find((other) => other.id === id);
  if (site !== undefined) return site;
  throw new VisibleError("SITE_UNKNOWN", `There is no site “${id}”.`, {
    hint: "Create it first, or correct the name. List sites with: smtx-backup site list",
  });
};
