import { type Group, groupSchema, type Hold } from "../../core/api/group.ts";
import { type GroupId, type Instant, type PlanId, planIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds, within } from "../../core/ports/clock.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import type { ToldGroup } from "../../core/retention/site-list.ts";
import { hasEnded, hasFailedAt, takerOf } from "../../core/run/steps.ts";
import { forEach } from "../concurrency/each.ts";
import { ignoringConflict, retrying } from "../documents/conflicts.ts";
import { readAll } from "../documents/ranges.ts";
import { groupKey, groupPrefix, planKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { expires, historyKeptSeconds } from "../runs/expiry.ts";
import { readRunPlan } from "../runs/facts.ts";
import { readPublished, readTaken, type WholeTaken } from "../runs/taken.ts";
import { allOf, warningsOfMirrors, warningsOfSnapshot } from "../runs/warnings.ts";

/**
 * A deleted group's record is kept this long, so that a late answer of a gateway finds it. They are
 * read with the others; what comes later than that, the site's next list sets right.
 */
const deletedKeptSeconds = 2 * 24 * 3600;

/** The groups of a plan, of one site or of all, by site and age. */
export const readGroups = (
  deps: Pick<Deps, "store">,
  planId: PlanId,
  siteId?: SiteId,
): Promise<readonly Stored<Group>[]> =>
  readAll<Group>(deps, { partition: `PLAN#${planId}`, sort: groupPrefix(siteId) }, 200);

/**
 * Writes down that a group exists on a site. One that was deleted meanwhile and is there again,
 * because a late copy of its task made it at a gateway that does not remember, is marked to be
 * deleted again.
 * @param told what the site says of it, where nobody wrote down what its tasks came to
 */
export const recordGroup = async (
  deps: Deps,
  run: Run,
  role: Group["role"],
  target: SiteId,
  told?: ToldGroup,
): Promise<void> => {
  const siteId = role === "source" ? takerOf(run) : target;
  const key = groupKey(run.groupId, siteId);
  const stored = await deps.store.get<Group>(key);
  // What the site had of this id before, and nobody knew, is not there any more: it does not make a
  // second one.
  if (stored !== undefined && stored.body.state !== "unknown") {
    if (stored.body.state === "deleted") await putState(deps, stored, "deleting");
    return;
  }
  const taken = await readTaken(deps, run);
  if (role === "mirror" && taken === undefined) {
    // The answer was given to the same slot's run before the table was set back. The site's
    // next list has the group.
    deps.log.warn({ groupId: run.groupId, siteId }, "a group was not written down: nothing is known of its snapshot");
    return;
  }
  const published = role === "mirror" ? await readPublished(deps, run, target) : undefined;
  const moved = role === "mirror" ? run.targets[target]?.moved : undefined;
  const takenAt = taken?.at ?? told?.takenAt ?? run.createdAt;
  const group = groupSchema.parse({
    id: run.groupId,
    planId: run.planId,
    runId: run.id,
    siteId,
    role,
    sequence: run.sequence,
    takenAt,
    publishedAt: within((published?.publishedAt ?? takenAt) as Instant, [run.createdAt, deps.clock.now()]),
    objectCount: taken?.objects ?? run.objectCount,
    ...(taken?.volumes !== undefined && { volumeCount: taken.volumes }),
    ...(await warningsOf(deps, run, role, target, taken)),
    sizeBytes: published?.sizeBytes ?? told?.sizeBytes ?? taken?.sizeBytes ?? 0,
    ...(published?.rebuild && { rebuild: published.rebuild }),
    ...(moved && { dataBytes: moved.dataBytes, changedBytes: moved.bytesChanged }),
    state: "published",
    ...(await keptUntil(deps, run)),
    holds: stored?.body.holds ?? [],
    ...(stored?.body.heldFor && { heldFor: stored.body.heldFor }),
    ...(hasFailedAt(run, siteId) ? { ofFailedRun: true } : {}),
  });
  const expect = stored === undefined ? "absent" : { version: stored.version };
  await ignoringConflict(() => deps.store.commit([{ type: "put", key, body: group, expect }]));
};

/** The safety group of a rollback is kept for some time. */
const keptUntil = async (deps: Deps, run: Run): Promise<Pick<Group, "keepUntil">> => {
  if (run.kind !== "rollback") return {};
  const { restore } = await readRunPlan(deps, run.id);
  return restore?.rollback === undefined ? {} : { keepUntil: restore.rollback.keepUntil };
};

/**
 * What is to be known of a group: what is to be known of its snapshot, and at a
 * target of its mirrors.
 */
const warningsOf = async (
  deps: Deps,
  run: Run,
  role: Group["role"],
  target: SiteId,
  taken: WholeTaken | undefined,
): Promise<Pick<Group, "warnings">> => {
  const ofSnapshot = await warningsOfSnapshot(deps, run.id, taken);
  const part = run.targets[target];
  // What a part that goes on does not warn of, nothing of it has.
  const isQuiet = part === undefined || (part.warning === null && !hasEnded(part));
  const all = role === "source" || isQuiet ? [ofSnapshot] : [ofSnapshot, await warningsOfMirrors(deps, run.id, target)];
  const warnings = allOf(all);
  return warnings.length === 0 ? {} : { warnings: [...warnings] };
};

/**
 * A run has failed wherever it went: what it left on its source does not count
 * among what is kept there.
 */
export const markOfFailedRun = async (deps: Deps, run: Run): Promise<void> => {
  const siteId = takerOf(run);
  if (!hasFailedAt(run, siteId)) return;
  const stored = await deps.store.get<Group>(groupKey(run.groupId, siteId));
  if (stored === undefined || stored.body.ofFailedRun || stored.body.sequence !== run.sequence) return;
  if (stored.body.state === "published") await putGroup(deps, stored, { ...stored.body, ofFailedRun: true });
};

/**
 * @returns whether the group is in that state now; false when somebody else changed
 * it first, or holds it
 */
export const markDeleting = async (deps: Deps, stored: Stored<Group>): Promise<boolean> => {
  if (stored.body.state === "deleting") return true;
  if (stored.body.state !== "published" || stored.body.holds.length > 0) return false;
  return putState(deps, stored, "deleting");
};

/** The same of one that a person has chosen: it may be one that no known run made. */
export const markDeletingByHand = async (deps: Deps, stored: Stored<Group>): Promise<boolean> =>
  stored.body.state === "unknown" && stored.body.holds.length === 0
    ? putState(deps, stored, "deleting")
    : markDeleting(deps, stored);

/**
 * A gateway says that the plan's groups are gone from its site. With the last group of a run, what
 * is known of it is of no use any more.
 */
export const markDeleted = async (
  deps: Deps,
  {
    planId,
    siteId,
    groupIds,
  }: { readonly planId: PlanId; readonly siteId: SiteId; readonly groupIds: readonly GroupId[] },
): Promise<void> => {
  if (groupIds.length === 0) return;
  const plan = await deps.store.get<Plan>(planKey(planId));
  const deletedSequence = plan?.body.sequence ?? 0;
  await forEach(groupIds, async (groupId) => {
    if (planIdOf(groupId) !== planId) return;
    const stored = await deps.store.get<Group>(groupKey(groupId, siteId));
    if (stored?.body.state !== "deleting") return;
    await putGroup(deps, stored, { ...stored.body, state: "deleted", deletedSequence });
  });
};

/** Takes a run's hold off a group, also while others take theirs. @throws VisibleError CONFLICT */
export const dropHold = (deps: Deps, groupId: GroupId, siteId: SiteId, holder: string): Promise<void> =>
  retrying(deps, async () => {
    const stored = await deps.store.get<Group>(groupKey(groupId, siteId));
    if (stored === undefined || !stored.body.holds.includes(holder)) return;
    await deps.store.commit([change(deps, stored, withoutHold(stored.body, holder))]);
  });

export const withHold = (group: Group, hold: Hold): Group => ({
  ...group,
  holds: [...group.holds, hold.runId],
  heldFor: [...(group.heldFor ?? []), hold],
});

const withoutHold = ({ heldFor, ...group }: Group, holder: string): Group => {
  const others = heldFor?.filter(({ runId }) => runId !== holder) ?? [];
  const holds = group.holds.filter((other) => other !== holder);
  return { ...group, holds, ...(others.length > 0 && { heldFor: others }) };
};

const putState = (deps: Deps, stored: Stored<Group>, state: Group["state"]): Promise<boolean> =>
  putGroup(deps, stored, { ...stored.body, state });

/** Records of what is not there any more have an end. */
const keptSeconds: Partial<Record<Group["state"], number>> = { deleted: deletedKeptSeconds, lost: historyKeptSeconds };

const change = (deps: Deps, { key, version }: Stored<Group>, body: Group): Change => {
  const seconds = keptSeconds[body.state];
  const expiry: { expiresAt?: Instant } =
    seconds === undefined ? {} : { expiresAt: addSeconds(deps.clock.now(), seconds) };
  return { type: "put", key, body, expect: { version }, ...expiry };
};

/**
 * Puts another record in the place of one. Where that says that the run's group is not there any
 * more, it says so of the run as well. @returns whether it went through; false when somebody else
 * changed it first
 */
export const putGroup = (deps: Deps, stored: Stored<Group>, body: Group): Promise<boolean> => {
  const isGone = body.state !== "published" && body.state !== "deleting";
  const end = isGone ? expires(deps, stored.body.runId) : [];
  return ignoringConflict(() => deps.store.commit([change(deps, stored, body), ...end]));
};
