import type { Group } from "../../core/api/group.ts";
import { type GroupId, groupIdOf, type RunId, runIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Plan, Retention } from "../../core/api/plan.ts";
import { isAway, siteOfObjects } from "../../core/plan/place.ts";
import { partnersOf } from "../../core/plan/ways.ts";
import type { Stored } from "../../core/ports/store.ts";
import { type Gone, planReclaim, planSourceReclaim } from "../../core/retention/retention.ts";
import { readGoneToKeep } from "../plans/gone.ts";
import type { Deps } from "../ports/deps.ts";
import { withCopies } from "./gone-copies.ts";
import { markDeleting, readGroups } from "./groups.ts";

/**
 * Groups that runs in the plan's lanes make: they are not to be touched. Restores
 * hold theirs by name.
 */
const activeGroupIds = (plan: Plan): readonly GroupId[] =>
  Object.values(plan.lanes)
    .flatMap((lane) => [lane.active, lane.queued])
    .filter((runId) => runId !== null)
    .map((runId) => groupIdOf(runId as RunId));

/**
 * What retention says of each group of a plan on one site (W9, I3, I4): the same answer for the
 * preview and the run. What was taken there, and all that a backup plan's home has while its
 * objects are there, is kept as bases; what was brought there are restore points.
 */
export const reclaimVerdicts = async (deps: Deps, plan: Plan, siteId: SiteId, keepLast?: number) => {
  const all = await readGroups(deps, plan.id);
  const groups = all.map((stored) => stored.body);
  const here = groups.filter((group) => group.siteId === siteId);
  const isHome = plan.kind === "backup" && siteId === plan.source && !isAway(plan);
  const isTaken = ({ role }: Group) => isHome || (plan.kind === "backup" && role === "source");
  const partners = partnersOf(plan, siteId);
  const scene: Scene = {
    gone: await readGoneToKeep(deps, plan.id),
    others: groups.filter((group) => partners.has(group.siteId)),
    keepLast,
  };
  const verdicts = [
    ...(await verdictsOfTaken(deps, plan, here.filter(isTaken), scene)),
    ...(await verdictsOfPoints(
      deps,
      plan,
      siteId,
      here.filter((group) => !isTaken(group)),
      scene,
    )),
  ];
  return { all, verdicts: verdicts.sort((one, other) => other.group.sequence - one.group.sequence) };
};

interface Scene {
  readonly gone: readonly Gone[];
  /** The groups of sites that the plan sends to from here, or from there to here. */
  readonly others: readonly Group[];
  readonly keepLast: number | undefined;
}

const verdictsOfTaken = async (deps: Deps, plan: Plan, here: readonly Group[], { gone, others, ...scene }: Scene) => {
  // A group that is younger than what is known of the plan belongs to a run
  // that began in between.
  const known = here.filter((group) => group.sequence <= plan.sequence || group.state === "unknown");
  const keep = scene.keepLast ?? plan.retention?.keepLast;
  return planSourceReclaim({
    sourceGroups: known,
    mirrorGroups: others,
    activeGroupIds: activeGroupIds(plan),
    ...(keep === undefined ? {} : { keepLast: keep }),
    // Deleting the plan gives its source up; what targets have stays.
    gone: plan.status === "deleted" ? [] : await withCopies(deps, gone, here),
    now: deps.clock.now(),
  });
};

const verdictsOfPoints = async (
  deps: Deps,
  plan: Plan,
  siteId: SiteId,
  here: readonly Group[],
  { gone, others, keepLast }: Scene,
) => {
  // A target that is no longer in the plan keeps what it has: nobody asked for it to be deleted.
  const kept = keepLast ?? retentionAt(plan, siteId)?.keepLast ?? here.length + 1;
  const copies = await withCopies(deps, gone, here);
  return planReclaim({ groups: here, keepLast: kept, others, gone: copies, now: deps.clock.now() });
};

/**
 * Of a site's restore points: a target's, or those of a snapshot plan's source. While the plan is
 * away its home keeps as many as the site that it is away at.
 */
export const retentionAt = (plan: Plan, siteId: SiteId): Retention | undefined => {
  if (plan.kind === "snapshot") return plan.retention;
  const place = isAway(plan) && siteId === plan.source ? siteOfObjects(plan) : siteId;
  return plan.targets.find(({ site }) => site === place)?.retention;
};

/** How many restore points of a site the plan's next run deletes when it has made its own. */
export const countGoingNext = async (deps: Deps, plan: Plan, siteId: SiteId): Promise<number> => {
  const here = (await readGroups(deps, plan.id, siteId))
    .map(({ body }) => body)
    .filter(({ role }) => plan.kind === "snapshot" || role === "mirror");
  const [any] = here;
  const keepLast = retentionAt(plan, siteId)?.keepLast;
  if (any === undefined || keepLast === undefined) return 0;
  const { ofFailedRun: _, keepUntil: __, ...group } = any;
  const id = groupIdOf(runIdOf(plan.id, deps.clock.now()));
  const next: Group = { ...group, id, sequence: plan.sequence + 1, state: "published", holds: [] };
  const gone = await withCopies(deps, await readGoneToKeep(deps, plan.id), here);
  return planReclaim({ groups: [next, ...here], keepLast, gone, now: deps.clock.now() }).filter(
    ({ rule }) => rule === "excess",
  ).length;
};

/** Whether anything is to go from a site, by what is known before the site is asked. */
export const hasWork = async (deps: Deps, plan: Plan, siteId: SiteId): Promise<boolean> =>
  (await reclaimVerdicts(deps, plan, siteId)).verdicts.some(({ verdict }) => verdict === "delete");

/** So many groups go at once: however many there are, nothing takes long. The rest follows. */
export const groupsAtOnce = 50;

/**
 * Marks what is to go, and gives its ids: only what could be marked is deleted, and only where the
 * rest is still there. The oldest first, and not more than can be done at once.
 */
export const chooseForReclaim = async (
  deps: Deps,
  plan: Plan,
  siteId: SiteId,
): Promise<{ readonly groupIds: GroupId[]; readonly keeps: GroupId[] }> => {
  const { all, verdicts } = await reclaimVerdicts(deps, plan, siteId);
  const groupIds: GroupId[] = [];
  for (const { group, verdict } of verdicts) {
    if (verdict !== "delete" || groupIds.length >= groupsAtOnce) continue;
    const stored = all.find(
      (other): other is Stored<Group> => other.body.id === group.id && other.body.siteId === siteId,
    );
    if (stored !== undefined && (await markDeleting(deps, stored))) groupIds.push(group.id);
  }
  const kept = verdicts.filter(({ group, verdict }) => verdict === "keep" && group.state === "published");
  return { groupIds, keeps: kept.map(({ group }) => group.id) };
};
