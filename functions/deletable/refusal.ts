import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { DeletionPlan } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { holdsText } from "../../core/retention/holds.ts";
import type { Deps } from "../ports/deps.ts";
import { withDamage } from "../queries/groups.ts";
import { isNeededAt, type SiteGroups } from "./going.ts";

/** What a person has said to do all the same. */
export type Allowed = Pick<DeletionPlan, "last" | "despiteKeepUntil">;

/**
 * Why a group is not deleted by hand; undefined: it may be. What is read is never deleted, nor what
 * a living plan's next increment starts from at its source. Its last good restore point at a site,
 * and the last that has an object which is gone, are when that was said (I3).
 */
export const refusalOf = async (
  deps: Deps,
  plan: Plan,
  group: Group,
  at: SiteGroups,
  allowed: Allowed,
): Promise<VisibleError | undefined> => {
  if (group.state === "deleting") return undefined;
  if (group.holds.length > 0) return held(group);
  if (!isNeededAt(plan, group.siteId)) return undefined;
  const ruled = at.rules.get(group.id);
  if (ruled?.rule === "base" || ruled?.rule === "active") return needed(group, ruled.explanation, seePreview(plan));
  if (isBaseOfRun(plan, group, at)) return beingMeasured(plan, group);
  if (allowed.last) return undefined;
  if (ruled?.rule === "gone") return needed(group, ruled.explanation, sayLast);
  return (await isLastGood(deps, plan, group, at))
    ? needed(group, "it is the last good one there", sayLast)
    : undefined;
};

/** A run that goes on may be measuring against it. */
const isBaseOfRun = (plan: Plan, group: Group, { here }: SiteGroups): boolean => {
  const lane = plan.lanes[group.siteId];
  if (group.role === "source" || (lane?.active ?? null) === null) return false;
  return here.find(({ body }) => body.state === "published")?.body.id === group.id;
};

/** So many are looked through for one without damage. */
const lookedThroughMax = 20;

const isLastGood = async (deps: Deps, plan: Plan, group: Group, at: SiteGroups): Promise<boolean> =>
  isRestorePoint(plan, group) && (await otherGood(deps, group, at)) === undefined;

const isRestorePoint = ({ kind }: Plan, { state, role }: Group): boolean =>
  state === "published" && (kind === "snapshot" || role !== "source");

/** The newest other good one at its site. */
const otherGood = async (
  deps: Deps,
  group: Pick<Group, "id">,
  { here }: SiteGroups,
): Promise<Stored<Group> | undefined> => {
  const others = here.filter(
    ({ body: { id, state, ofFailedRun } }) => id !== group.id && state === "published" && !ofFailedRun,
  );
  for (const other of others.slice(0, lookedThroughMax)) {
    if ((await withDamage(deps, other.body)).damage === undefined) return other;
  }
  return undefined;
};

/** What a living plan that needs one has left at a site, as good as a group that goes. */
export const leftInstead = async (
  deps: Deps,
  plan: Plan,
  group: Group,
  at: SiteGroups,
): Promise<Stored<Group> | undefined> =>
  isNeededAt(plan, group.siteId) && isRestorePoint(plan, group) ? otherGood(deps, group, at) : undefined;

const held = (group: Group) =>
  new VisibleError("GROUP_HELD", `The group ${group.id} on ${group.siteId} is not deleted: ${holdsText(group)}.`, {
    hint: `Wait until that has ended, or end it; see: smtx-backup run show ${group.holds[0]}`,
  });

const needed = ({ id, siteId }: Group, why: string, hint: string) =>
  new VisibleError("GROUP_NEEDED", `The group ${id} on ${siteId} is not deleted: ${why.replace(/^kept: /, "")}.`, {
    hint,
  });

const sayLast = "Say --last to delete it all the same.";
const seePreview = ({ name }: Plan) => `See what is kept, and why, with: smtx-backup plan preview ${name}`;

const beingMeasured = ({ name, lanes }: Plan, { id, siteId }: Group) =>
  new VisibleError("PLAN_BUSY", `The run ${lanes[siteId]?.active} to ${siteId} may start from the group ${id}.`, {
    hint: `Wait until it has ended, or cancel it; see: smtx-backup run list --plan ${name}`,
  });
