import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { GroupId, SiteId } from "../../core/api/ids.ts";
import type { Run, RunPlan } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { groupKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "../runs/facts.ts";
import { needRun } from "../runs/runs.ts";
import { readTaken, type WholeTaken } from "../runs/taken.ts";

/**
 * A group that can be read at a site, and the run that took it: whose facts say what is in it, all
 * of it.
 */
export interface Restorable {
  readonly group: Group;
  readonly origin: Run;
  readonly originPlan: RunPlan;
  readonly taken: WholeTaken;
}

/**
 * A group that is there to be restored from: a target's restore point, or what its own site keeps.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, RUN_UNKNOWN
 */
export const readRestorable = async (deps: Deps, groupId: GroupId, siteId: SiteId): Promise<Restorable> => {
  const { body: group } = await readPublishedGroup(deps, groupId, siteId);
  const { run: origin } = await needRun(deps, group.runId);
  const [originPlan, taken] = await Promise.all([readRunPlan(deps, origin.id), readTaken(deps, origin)]);
  // A source's group may be known by its number alone: its run was over before all was told of it.
  if (taken === undefined)
    throw notRestorable(group, "is not known in full: its run was over before its site had told all of it");
  return { group, origin, originPlan, taken };
};

const whyNot: Record<Exclude<Group["state"], "published">, string> = {
  lost: "is lost: it was missing when the site last said what it has",
  unknown: "is unknown: nothing is known of the run that made it",
  deleting: "is being deleted",
  deleted: "is deleted",
};

/** @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE */
export const readPublishedGroup = async (
  deps: Pick<Deps, "store">,
  groupId: GroupId,
  siteId: SiteId,
): Promise<Stored<Group>> => {
  const group = await deps.store.get<Group>(groupKey(groupId, siteId));
  if (group === undefined) {
    throw new VisibleError("GROUP_UNKNOWN", `Site ${siteId} has no group ${groupId}.`, { hint: listOf(siteId) });
  }
  const { state } = group.body;
  if (state === "published") return group;
  throw notRestorable(group.body, whyNot[state]);
};

const notRestorable = ({ id, siteId }: Group, what: string) =>
  new VisibleError("GROUP_NOT_RESTORABLE", `The group ${id} on ${siteId} ${what}.`, { hint: listOf(siteId) });

const listOf = (siteId: string) => `List the groups of the site with: smtx-backup group list --site ${siteId}`;
