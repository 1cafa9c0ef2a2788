import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, planIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { readGroups } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { planRebuild, type RebuildOptions } from "../rebuild/plan-rebuild.ts";
import { beginRestore } from "../restores/begin.ts";
import { type Restorable, readRestorable } from "../restores/restorable.ts";
import { readSite } from "../sites/sites.ts";

type CloneOptions = RebuildOptions & { readonly groupId: GroupId; readonly fromSiteId?: SiteId | undefined };

/**
 * Begins to make a group's objects, or some of them, at any site (W12). A site that has the group
 * already is sent nothing; else it is sent by another that has it, where it is held until the end.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, BAD_REQUEST (several sites have it, and
 *   none was named), SITE_UNKNOWN, SITE_IN_OTHER_MULTI_CLUSTER, and as `planRebuild` and
 *   `beginRestore`
 */
export const startClone = async (deps: Deps, options: CloneOptions): Promise<Run> => {
  const of = await readRestorable(deps, options.groupId, await holderOf(deps, options));
  await refuseStrangers(deps, of, options.siteId);
  return beginRestore(deps, { kind: "clone", of, ...(await planRebuild(deps, of, options)) });
};

/** Sites of another multi-cluster trust other authorities: nothing is ever sent to one. */
const refuseStrangers = async (deps: Deps, { group }: Restorable, to: SiteId): Promise<void> => {
  const [from, target] = await Promise.all([readSite(deps, group.siteId), readSite(deps, to)]);
  if (from.multiCluster === target.multiCluster) return;
  const message = `Site “${to}” belongs to the multi-cluster “${target.multiCluster}”, and “${from.id}” to “${from.multiCluster}”.`;
  throw new VisibleError("SITE_IN_OTHER_MULTI_CLUSTER", message, {
    hint: `Choose a site in “${from.multiCluster}”; list them with: smtx-backup site list`,
  });
};

/** The site from whose group the objects are made. */
const holderOf = async (deps: Deps, { groupId, fromSiteId, siteId }: CloneOptions): Promise<SiteId> => {
  const groups = await readGroups(deps, planIdOf(groupId));
  const holders = groups.flatMap(({ body }) =>
    body.id === groupId && body.state === "published" ? [body.siteId as SiteId] : [],
  );
  if (holders.includes(siteId)) return siteId;
  if (fromSiteId !== undefined) return fromSiteId;
  const [only, ...others] = holders;
  if (only === undefined) {
    const hint = "List the restore points that there are with: smtx-backup group list";
    throw new VisibleError("GROUP_UNKNOWN", `No site has the group ${groupId}.`, { hint });
  }
  if (others.length === 0) return only;
  throw new VisibleError("BAD_REQUEST", `Several sites have the group ${groupId}: ${holders.join(", ")}.`, {
    hint: `Say which of them sends it: smtx-backup clone ${groupId} --from ${only} --to ${siteId}`,
  });
};
