import { VisibleError } from "../../core/api/errors.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import { planKey } from "../documents/records.ts";
import type { StoredPlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { readSites } from "../sites/sites.ts";
import type { Adoption } from "./documents.ts";

/**
 * A plan is of one site for ever, and of one multi-cluster: no site takes over what another has.
 * @throws VisibleError PLAN_SOURCE_FIXED, SITE_IN_OTHER_MULTI_CLUSTER
 */
export const refuseOtherPlan = async (
  deps: Pick<Deps, "store">,
  { multiCluster }: Adoption,
  { planId, planName, source }: Manifest,
): Promise<void> => {
  const known = (await deps.store.get<StoredPlan>(planKey(planId)))?.body;
  if (known !== undefined && known.source !== source) {
    const what = `It is to be of the plan ${planId} of site ${source}, and that is “${known.name}” of site ${known.source}.`;
    throw new VisibleError("PLAN_SOURCE_FIXED", what);
  }
  const [site] = await readSites(deps, [source]);
  if (site === undefined || site.multiCluster === multiCluster) return;
  const where = `site ${source}, which is of the multi-cluster ${site.multiCluster} and not of ${multiCluster}`;
  throw new VisibleError("SITE_IN_OTHER_MULTI_CLUSTER", `The plan “${planName}” is of ${where}.`);
};
