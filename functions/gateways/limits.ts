import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Site, SiteLimitsPut } from "../../core/api/site.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import type { Deps } from "../ports/deps.ts";
import { readStoredSite } from "../sites/sites.ts";
import { tellAll } from "./settings.ts";

/**
 * Sets how fast a site may send to each of its targets, and tells those of its
 * gateways that are alive.
 * @throws {VisibleError} SITE_UNKNOWN, SITE_IN_OTHER_MULTI_CLUSTER, BAD_REQUEST; CONFLICT when
 * somebody else was faster
 */
export const setLimits = async (deps: Deps, siteId: SiteId, wanted: SiteLimitsPut): Promise<Site> => {
  const { body: before, key, version } = await readStoredSite(deps, siteId);
  const { limitsVersion = 0 } = before;
  if (wanted.limitsVersion !== undefined && wanted.limitsVersion !== limitsVersion) throw changedMeanwhile();
  await refuseWrongTargets(deps, before, wanted);
  const site: Site = { ...before, limits: wanted.limits, limitsVersion: limitsVersion + 1 };
  try {
    await deps.store.commit([{ type: "put", key, body: site, expect: { version } }]);
  } catch (error) {
    throw error instanceof CommitConflict ? changedMeanwhile(error) : error;
  }
  await tellAll(deps, site);
  return site;
};

const changedMeanwhile = (cause?: unknown) =>
  new VisibleError("CONFLICT", "Somebody else changed the site's limits at the same time.", {
    hint: "Look at them again, then try again.",
    cause,
  });

const refuseWrongTargets = async (deps: Deps, { id, multiCluster }: Site, { limits }: SiteLimitsPut): Promise<void> => {
  const seen = new Set<SiteId>([id]);
  for (const { target } of limits) {
    if (seen.has(target)) {
      const what = target === id ? "is the source itself" : "is twice among the targets";
      throw new VisibleError("BAD_REQUEST", `Site “${target}” ${what}.`, {
        hint: "Name each site that is sent to once.",
      });
    }
    seen.add(target);
    const { body: other } = await readStoredSite(deps, target);
    if (other.multiCluster === multiCluster) continue;
    throw new VisibleError(
      "SITE_IN_OTHER_MULTI_CLUSTER",
      `Site “${target}” belongs to the multi-cluster “${other.multiCluster}”, and “${id}” to “${multiCluster}”.`,
      { hint: `Nothing is ever sent there: choose a target in “${multiCluster}”.` },
    );
  }
};
