import { type Group, groupSchema } from "../../core/api/group.ts";
import { type GroupId, type Instant, type PlanId, runIdOfGroup, type SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { CommitConflict, type Stored } from "../../core/ports/store.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import type { Deps } from "../deps.ts";
import { forEach } from "../each.ts";
import { groupKey, groupPrefix, runKey } from "../records.ts";
import { expireIfUseless, keepRun } from "./expiry.ts";
import { type PublishFact, readFact, readFacts, type SnapshotFact } from "./facts.ts";

/** A deleted group's record is kept this long, so that a late answer of a gateway finds it. */
const deletedKeptSeconds = 30 * 24 * 3600;

/** The groups of a plan, of one site or of all, by site and age. */
export const readGroups = async (
  deps: Pick<Deps, "store">,
  planId: PlanId,
  siteId?: SiteId,
): Promise<readonly Stored<Group>[]> => {
  const groups: Stored<Group>[] = [];
  let cursor: string | undefined;
  do {
    const page = await deps.store.query<Group>({
      partition: `PLAN#${planId}`,
      prefix: groupPrefix(siteId),
      limit: 200,
      ...(cursor === undefined ? {} : { cursor }),
    });
    groups.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return groups;
};

/**
 * Writes down that a group exists on a site. One that was deleted meanwhile and is there again, because a late copy of
 * its task made it, is marked to be deleted again.
 */
export const recordGroup = async (deps: Deps, run: Run, role: Group["role"], target: SiteId): Promise<void> => {
  const siteId = role === "source" ? run.source : target;
  const key = groupKey(run.groupId, siteId);
  const stored = await deps.store.get<Group>(key);
  if (stored !== undefined) {
    if (stored.body.state === "deleted") await putState(deps, stored, "deleting");
    return keepRun(deps, run.id);
  }
  const facts = await readFacts<SnapshotFact>(deps, run.id, "snapshotting", "source");
  const published = role === "mirror" ? await readFact<PublishFact>(deps, run.id, "publishing", target, 0) : undefined;
  const takenAt = facts[0]?.takenAt ?? run.createdAt;
  const volumes = facts.flatMap((fact) => fact.config.volumes);
  const group = groupSchema.parse({
    id: run.groupId,
    planId: run.planId,
    runId: run.id,
    siteId,
    role,
    sequence: run.sequence,
    takenAt,
    publishedAt: published?.publishedAt ?? takenAt,
    objectCount: run.objectCount,
    sizeBytes: published?.sizeBytes ?? volumes.reduce((sum, volume) => sum + volume.sizeBytes, 0),
    state: "published",
    holds: [],
  });
  await ignoringConflict(() => deps.store.commit([{ type: "put", key, body: group, expect: "absent" }]));
  await keepRun(deps, run.id);
};

/**
 * Writes down groups that a site has and nobody knows of: their runs ended before the answer came. What the run made
 * on its source goes with the next reclaim; what it published on a target is a restore point like any other.
 */
export const adoptGroups = async (deps: Deps, siteId: SiteId, present: readonly GroupId[]): Promise<void> => {
  await forEach(present, async (groupId) => {
    const known = await deps.store.get<Group>(groupKey(groupId, siteId));
    if (known !== undefined && known.body.state !== "deleted") return;
    const stored = await deps.store.get<Run>(runKey(runIdOfGroup(groupId)));
    const part = stored?.body.targets[siteId];
    const isOver = stored !== undefined && (part === undefined ? isRunOver(stored.body) : hasEnded(part));
    if (isOver) await recordGroup(deps, stored.body, siteId === stored.body.source ? "source" : "mirror", siteId);
  });
};

const isRunOver = (run: Run): boolean => partsOf(run).every(([, part]) => hasEnded(part));

/** @returns whether the group is in that state now; false when somebody else changed it first, or holds it */
export const markDeleting = async (deps: Deps, stored: Stored<Group>): Promise<boolean> => {
  if (stored.body.state === "deleting") return true;
  if (stored.body.state !== "published" || stored.body.holds.length > 0) return false;
  return putState(deps, stored, "deleting");
};

/** A gateway says that the groups are gone from its site. With its last group, what is known of a run is of no use any more. */
export const markDeleted = async (deps: Deps, siteId: SiteId, groupIds: readonly GroupId[]): Promise<void> => {
  await forEach(groupIds, async (groupId) => {
    const stored = await deps.store.get<Group>(groupKey(groupId, siteId));
    if (stored === undefined || stored.body.state === "published") return;
    if (stored.body.state === "deleting") await putState(deps, stored, "deleted");
    await expireIfUseless(deps, stored.body.runId);
  });
};

/** Takes a run's hold off a group. */
export const dropHold = async (deps: Deps, groupId: GroupId, siteId: SiteId, holder: string): Promise<void> => {
  const stored = await deps.store.get<Group>(groupKey(groupId, siteId));
  if (stored === undefined || !stored.body.holds.includes(holder)) return;
  const body = { ...stored.body, holds: stored.body.holds.filter((other) => other !== holder) };
  await deps.store.commit([{ type: "put", key: stored.key, body, expect: { version: stored.version } }]);
};

const putState = (deps: Deps, stored: Stored<Group>, state: Group["state"]): Promise<boolean> => {
  const expiry: { expiresAt?: Instant } =
    state === "deleted" ? { expiresAt: addSeconds(deps.clock.now(), deletedKeptSeconds) } : {};
  const body = { ...stored.body, state };
  const change = { type: "put", key: stored.key, body, expect: { version: stored.version }, ...expiry } as const;
  return ignoringConflict(() => deps.store.commit([change]));
};

/** @returns whether it went through */
const ignoringConflict = async (write: () => Promise<void>): Promise<boolean> => {
  try {
    await write();
    return true;
  } catch (error) {
    if (error instanceof CommitConflict) return false;
    throw error;
  }
};
