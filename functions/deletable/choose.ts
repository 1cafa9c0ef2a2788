import { strict as assert } from "node:assert";
import type { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, groupIdOf, planIdOf, type RunId, type SiteId } from "../../core/api/ids.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { DeletionPlan, RunHead } from "../../core/api/run.ts";
import type { ReclaimTask } from "../../core/api/task.ts";
import type { Stored } from "../../core/ports/store.ts";
import { planKey, runKey } from "../documents/records.ts";
import { markDeletingByHand } from "../groups/groups.ts";
import { groupsAtOnce } from "../groups/reclaim.ts";
import { takeLocks } from "../locks/locks.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan } from "../runs/facts.ts";
import { type MeantAt, meantOf, readSiteGroups, type SiteGroups } from "./going.ts";
import { refusalOf } from "./refusal.ts";

/** What a site is told to delete. */
interface Chosen {
  readonly groupIds: GroupId[];
  readonly keeps: GroupId[];
  readonly mirrors?: true;
  readonly restored?: NonNullable<ReclaimTask["restored"]>;
  readonly format?: number;
}

/**
 * Chooses what a site is told to delete now, after it has said what it has. What may not go any
 * more, since somebody reads it for one, is left; not more than can be done at once.
 */
export const chooseForDeletion = async (deps: Deps, runId: RunId, siteId: SiteId): Promise<Chosen> => {
  const { plan, meant, allowed, at, upTo } = await readDeletion(deps, runId, siteId);
  if (allowed.restored !== undefined) return toldRestored(deps, { runId, siteId }, allowed.restored);
  const groupIds: GroupId[] = [];
  const going = meantOf(at, meant, upTo);
  const circumstances = { at, goes: idsOf(going), allowed };
  for (const stored of going.toReversed()) {
    if (groupIds.length >= groupsAtOnce) break;
    const refusal = await refusalOf(deps, plan, stored.body, circumstances);
    if (refusal === undefined && (await markDeletingByHand(deps, stored))) groupIds.push(stored.body.id);
  }
  const goes = new Set(groupIds);
  const kept = at.here.filter(({ body }) => body.state === "published" && !goes.has(body.id));
  return { groupIds, keeps: kept.map(({ body }) => body.id), ...(meant.mirrors && { mirrors: true }) };
};

/**
 * From now on nobody rolls the objects back, or snapshots them, until the run has ended. Gateways
 * of before would delete nothing, and say that it is done.
 */
const toldRestored = async (
  deps: Deps,
  at: { readonly runId: RunId; readonly siteId: SiteId },
  { restoreId, objects, rest, unchangedSince }: NonNullable<DeletionPlan["restored"]>,
): Promise<Chosen> => {
  const other = await takeLocks(deps, at, objects);
  const told = { groupId: groupIdOf(restoreId), objects: objects.map(({ kind, id }) => ({ kind, id })) };
  const how = { ...(rest && { rest }), ...(unchangedSince && { unchangedSince }) };
  const restored = { ...told, ...how, ...(other && { lockedBy: other.runId }) };
  return { groupIds: [], keeps: [], restored, format: newestMessageFormat };
};

const idsOf = (groups: readonly Stored<Group>[]): ReadonlySet<string> => new Set(groups.map(({ body }) => body.id));

/** What is left to be deleted at a site, and why its first stays; undefined: nothing is. */
export const leftOf = async (
  deps: Deps,
  runId: RunId,
  siteId: SiteId,
): Promise<{ readonly count: number; readonly reason: Reason } | undefined> => {
  const { plan, meant, allowed, at, upTo } = await readDeletion(deps, runId, siteId);
  const left = meantOf(at, meant, upTo);
  if (left.length === 0) return undefined;
  const circumstances = { at, goes: idsOf(left), allowed };
  const refusals = await Promise.all(
    left.slice(0, groupsAtOnce).map(({ body }) => refusalOf(deps, plan, body, circumstances)),
  );
  const refusal = refusals.find((one) => one !== undefined);
  return { count: left.length, reason: refusal ? reasonOf(refusal) : lacking(siteId) };
};

const reasonOf = ({ code, message }: VisibleError): Reason => ({ code, message });

const lacking = (siteId: SiteId): Reason => ({
  code: "GROUPS_MISSING",
  message: `Site ${siteId} does not have all groups that were to be kept, so it deleted nothing: its disk may not be mounted.`,
});

interface Deletion {
  readonly plan: Plan;
  readonly meant: MeantAt;
  readonly allowed: DeletionPlan;
  readonly at: SiteGroups;
  readonly upTo: number;
}

const readDeletion = async (deps: Deps, runId: RunId, siteId: SiteId): Promise<Deletion> => {
  const [plan, head, { deletion }] = await Promise.all([
    deps.store.get<Plan>(planKey(planIdOf(runId))),
    deps.store.get<RunHead>(runKey(runId)),
    readRunPlan(deps, runId),
  ]);
  const meant = deletion?.sites.find((site) => site.siteId === siteId);
  assert(plan !== undefined && head !== undefined, `the plan of ${runId} is there`);
  assert(deletion !== undefined && meant !== undefined, `${runId} deletes at ${siteId}`);
  const at = await readSiteGroups(deps, plan.body, siteId);
  return { plan: plan.body, meant, allowed: deletion, at, upTo: head.body.sequence };
};
