import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { DeletionPlan } from "../../core/api/run.ts";
import { instantText } from "../../core/object/instant-text.ts";
import type { Stored } from "../../core/ports/store.ts";
import { holdsText } from "../../core/retention/holds.ts";
import { isOfOrder } from "../../core/retention/order.ts";
import type { Deps } from "../ports/deps.ts";
import { withDamage } from "../queries/groups.ts";
import { isNeededAt, type SiteGroups } from "./going.ts";

/** What a person has said to do all the same. */
export type Allowed = Pick<DeletionPlan, "last" | "despiteKeepUntil">;

/**
 * Why a group is not deleted by hand; undefined: it may be. What is read is never deleted, nor what
 * a living plan's next increment starts from at its source. When that was said, what is kept until
 * a time is, and its last good restore point at a site, or the last that has an object which is
 * gone (I3).
 * @param goes what goes with it
 */
export const refusalOf = async (
  deps: Deps,
  plan: Plan,
  group: Group,
  { at, goes, allowed }: { readonly at: SiteGroups; readonly goes: ReadonlySet<string>; readonly allowed: Allowed },
): Promise<VisibleError | undefined> => {
  if (group.state === "deleting") return undefined;
  if (group.holds.length > 0) return held(group);
  const { keepUntil } = group;
  if (keepUntil !== undefined && keepUntil > deps.clock.now() && !allowed.despiteKeepUntil) {
    return kept(group, keepUntil);
  }
  if (!isNeededAt(plan, group.siteId)) return undefined;
  const ruled = at.rules.get(group.id);
  if (ruled?.rule === "base" || ruled?.rule === "active") return needed(group, ruled.explanation, seePreview(plan));
  if (isBaseOfRun(plan, group, at)) return beingMeasured(plan, group);
  if (allowed.last) return undefined;
  if (ruled?.rule === "gone") return needed(group, ruled.explanation, sayLast);
  return (await isLastGood(deps, plan, group, { at, goes }))
    ? needed(group, "it is the last good one there", sayLast)
    : undefined;
};

/** A run that goes on may be measuring against it. */
const isBaseOfRun = (plan: Plan, group: Group, { here }: SiteGroups): boolean => {
  const lane = plan.lanes[group.siteId];
  if (group.role === "source" || (lane?.active ?? null) === null) return false;
  return here.find(({ body }) => isOfOrder(body))?.body.id === group.id;
};

/** So many are looked through for one without damage. */
const lookedThroughMax = 20;

/** The groups of a site, and which of them go together. */
interface Going {
  readonly at: SiteGroups;
  readonly goes: ReadonlySet<string>;
}

const isLastGood = async (deps: Deps, plan: Plan, group: Group, going: Going): Promise<boolean> =>
  isRestorePoint(plan, group) && (await otherGood(deps, going)) === undefined;

const isRestorePoint = ({ kind }: Plan, group: Group): boolean =>
  isOfOrder(group) && (kind === "snapshot" || group.role !== "source");

/** The newest good one at a site that stays. */
const otherGood = async (deps: Deps, { at: { here }, goes }: Going): Promise<Stored<Group> | undefined> => {
  const others = here.filter(({ body }) => !goes.has(body.id) && isOfOrder(body) && !body.ofFailedRun);
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
  going: Going,
): Promise<Stored<Group> | undefined> =>
  isNeededAt(plan, group.siteId) && isRestorePoint(plan, group) ? otherGood(deps, going) : undefined;

const heldHint = ({ id, holds: [holder = ""], heldFor = [] }: Group): string => {
  if (heldFor.some(({ kind }) => kind === "attach")) {
    return `Detach it: smtx-backup group detach ${id}; for the rest wait until it has ended.`;
  }
  const isOfFailover = holder.startsWith("failover_");
  return isOfFailover
    ? `It is kept until that has ended; see: smtx-backup failover show ${holder}`
    : `Wait until that has ended, or end it; see: smtx-backup run show ${holder}`;
};

const held = (group: Group) =>
  new VisibleError("GROUP_HELD", `The group ${group.id} on ${group.siteId} is not deleted: ${holdsText(group)}.`, {
    hint: heldHint(group),
  });

const kept = ({ id, siteId }: Group, keepUntil: string) =>
  new VisibleError("GROUP_KEPT", `The group ${id} on ${siteId} is kept until ${instantText(keepUntil)}.`, {
    hint: "By it a rollback can be undone. Say --despite-keep-until to delete it all the same.",
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
