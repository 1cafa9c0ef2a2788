import { type Group, groupSchema } from "../../core/api/group.ts";
import { type GroupId, planIdOf, type RunId, restoreIdOfGroup, runIdOfGroup, type SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import { CommitConflict, type Stored } from "../../core/ports/store.ts";
import {
  type Correction,
  correctionOf,
  hasLost,
  isSame,
  type SiteList,
  type ToldGroup,
} from "../../core/retention/site-list.ts";
import { hasEnded, partsOf, takerOf, takesGroup } from "../../core/run/steps.ts";
import { forEach } from "../concurrency/each.ts";
import { ignoringConflict, retrying } from "../documents/conflicts.ts";
import { groupKey, runPlanKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { expires } from "../runs/expiry.ts";
import { loadRun, type StoredRun } from "../runs/runs.ts";
import { keepOfBefore } from "../runs/runs-of-before.ts";
import { readTaken } from "../runs/taken.ts";
import { putGroup, readGroups, recordGroup } from "./groups.ts";

/**
 * Groups of one plan at one site that no known run made, and that are written down. No site may
 * fill the table with them.
 */
const unknownGroupsMax = 1000;

/** What a list is about. */
interface Place {
  readonly siteId: SiteId;
  readonly role: Group["role"];
}

/**
 * Brings what is known of a plan's groups on a site in line with what the site says that it has:
 * before anything is chosen for deleting, since what is not there must not count. Idempotent.
 * @param run in whose name the list was asked for
 */
export const takeList = async (
  deps: Deps,
  run: Pick<Run, "planId" | "source">,
  siteId: SiteId,
  told: SiteList,
): Promise<void> => {
  const place: Place = { siteId, role: siteId === run.source ? "source" : "mirror" };
  // A site is not asked for other plans' groups.
  const list = { ...told, groups: told.groups.filter(({ groupId }) => planIdOf(groupId) === run.planId) };
  const records = await readGroups(deps, run.planId, siteId);
  const before = records.map(({ body }) => body);
  const judged = { list, hasLost: hasLost(before, list) };
  await forEach(records, (record) => correct(deps, record, judged));
  const known = new Set(records.map(({ body }) => body.id));
  let unknown = records.filter(({ body }) => body.state === "unknown").length;
  await forEach(list.groups, async (group) => {
    if (known.has(group.groupId) || (await adopted(deps, place, group)) || group.takenAt === undefined) return;
    unknown += 1;
    if (unknown <= unknownGroupsMax) await putUnknown(deps, place, { ...group, takenAt: group.takenAt });
  });
  if (unknown > unknownGroupsMax)
    deps.log.error({ siteId, unknown }, "a site has more unknown groups than are written down");
};

interface Judged {
  readonly list: SiteList;
  readonly hasLost: boolean;
}

const correct = async (deps: Deps, first: Stored<Group>, judged: Judged): Promise<void> => {
  let stored: Stored<Group> | undefined = first;
  await retrying(deps, async () => {
    const correction = stored && correctionOf(stored.body, judged.list, judged);
    if (stored === undefined || correction === undefined) return;
    if (await apply(deps, stored, correction, judged.list)) return;
    stored = await deps.store.get<Group>(stored.key);
    throw new CommitConflict();
  });
};

/** @returns whether it went through; false when somebody else changed the record first */
const apply = async (deps: Deps, stored: Stored<Group>, correction: Correction, list: SiteList): Promise<boolean> => {
  const { body, key, version } = stored;
  const { id: groupId, siteId, state: was } = body;
  if (correction === "gone") {
    // Its run may have been kept for it, though it was another's.
    const end = (await loadRun(deps, body.runId)) === undefined ? [] : expires(deps, body.runId);
    return ignoringConflict(() => deps.store.commit([{ type: "delete", key, expect: { version } }, ...end]));
  }
  const told = { takenAt: body.takenAt, ...list.groups.find((group) => group.groupId === groupId), groupId };
  const isBack = correction === "published" || correction === "deleting";
  const isUnknown = correction === "unknown" || (isBack && !(await isWhole(deps, body.runId)));
  const { deletedSequence: _, ...rest } = body;
  const corrected = isUnknown ? unknownOf(body, told) : { ...rest, state: correction };
  deps.log.warn({ groupId, siteId, was, is: corrected.state }, "a site's list corrects what was known of a group");
  if (isBack && !isUnknown) await keepOfBefore(deps, body.runId);
  return putGroup(deps, stored, corrected);
};

/** Whether all is still known of a run that restores and increments are made from. */
const isWhole = async (deps: Deps, runId: RunId): Promise<boolean> => {
  const loaded = await loadRun(deps, runId);
  if (loaded === undefined || (await deps.store.get(runPlanKey(runId))) === undefined) return false;
  return (await readTaken(deps, loaded.run)) !== undefined;
};

/**
 * Writes down a group that nobody knew of as its run's, where that has ended before the answer
 * came: what it made on its source goes with the next reclaim; what it published on a target is a
 * restore point.
 * @returns false when there is no such run that has made, or may still make, this very group
 */
const adopted = async (deps: Deps, { siteId }: Place, told: ToldGroup): Promise<boolean> => {
  const loaded = await makerOf(deps, told.groupId);
  if (loaded === undefined) return false;
  const { run } = loaded;
  const role = takerOf(run) === siteId ? "source" : "mirror";
  const part = run.targets[siteId];
  // A restore point is made by a run that went there.
  if (part === undefined && role === "mirror") return false;
  const isOver = part === undefined ? partsOf(run).every(([, one]) => hasEnded(one)) : hasEnded(part);
  if (!isOver) return true;
  const taken = await readTaken(deps, run);
  // A source group whose answer got lost, or some of it, is known by its number alone; of a restore
  // point everything must be known.
  if (taken === undefined && role === "mirror") return false;
  const takenAt = taken?.at ?? told.takenAt ?? run.createdAt;
  if (!isSame({ sequence: run.sequence, takenAt }, told)) return false;
  await recordGroup(deps, run, role, siteId, told);
  return true;
};

/** A run of the slot, or a rollback of that instant. */
const makerOf = async (deps: Deps, groupId: GroupId): Promise<StoredRun | undefined> => {
  const run = await loadRun(deps, runIdOfGroup(groupId));
  if (run !== undefined) return run;
  const restore = await loadRun(deps, restoreIdOfGroup(groupId));
  return restore !== undefined && takesGroup(restore.run.kind) ? restore : undefined;
};

/**
 * A group that no known run made: the table was set back, or the group is another
 * run's of the same slot.
 */
const putUnknown = async (deps: Deps, place: Place, told: Known): Promise<void> => {
  deps.log.warn(
    { groupId: told.groupId, siteId: place.siteId },
    "a site has a group that no known run made; it is kept",
  );
  const body = unknownOf({ ...place, holds: [] }, told);
  const key = groupKey(told.groupId, place.siteId);
  await ignoringConflict(() => deps.store.commit([{ type: "put", key, body, expect: "absent" }]));
};

type Known = ToldGroup & { readonly takenAt: string };

const unknownOf = ({ siteId, role, holds }: Place & Pick<Group, "holds">, told: Known): Group =>
  groupSchema.parse({
    id: told.groupId,
    planId: planIdOf(told.groupId),
    runId: told.keepUntil === undefined ? runIdOfGroup(told.groupId) : restoreIdOfGroup(told.groupId),
    siteId,
    role,
    sequence: told.sequence ?? 0,
    takenAt: told.takenAt,
    publishedAt: told.takenAt,
    objectCount: Math.max(1, told.volumeCount ?? 1),
    sizeBytes: told.sizeBytes ?? 0,
    state: "unknown",
    ...(told.keepUntil !== undefined && { keepUntil: told.keepUntil }),
    holds,
  });

/**
 * The list in an answer that was asked for in the run's name. Of what is not told in full the id
 * counts: it is there.
 */
export const listIn = (
  { sequence }: Pick<Run, "sequence">,
  { groups = [], present }: TaskResultOf<"reclaim">,
): SiteList => {
  const told = new Set(groups.map(({ groupId }) => groupId));
  const others = present.filter((groupId) => !told.has(groupId)).map((groupId) => ({ groupId }));
  return { sequence, groups: [...groups, ...others] };
};
