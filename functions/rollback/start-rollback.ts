import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { GroupId, PlanId, SiteId } from "../../core/api/ids.ts";
import { planIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { rollbackCreateSchema } from "../../core/api/restore/rollback.ts";
import type { Run } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { planKey } from "../documents/records.ts";
import { applyToPlan } from "../engine/engine.ts";
import { readGroups } from "../groups/groups.ts";
import { lockablesOf } from "../locks/lockables.ts";
import { findLock, objectLocked } from "../locks/locks.ts";
import type { Deps } from "../ports/deps.ts";
import { chooseObjects } from "../rebuild/chosen-objects.ts";
import { beginRestore, type InFailover, readBegun } from "../restores/begin.ts";
import { type Restorable, readRestorable } from "../restores/restorable.ts";
import { readTaken } from "../runs/taken.ts";

type RollbackOptions = Omit<z.infer<typeof rollbackCreateSchema>, "type"> & {
  readonly inFailover?: InFailover | undefined;
  /** Of a failback: what the objects are expected to be now, instead of what they are to become. */
  readonly unchangedSince?: GroupId | undefined;
};

/**
 * Begins to make a group's objects, or some of them, on the site that its plan protects what the
 * group has of them (W12): from that site's own group where it is there, else from a target's.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS,
 *   OBJECT_LOCKED, and as `beginRestore`
 */
export const startRollback = async (deps: Deps, options: RollbackOptions): Promise<Run> => {
  const { groupId, discardChanges, powerOff, keepSafetyDays, inFailover, unchangedSince } = options;
  const begun = inFailover && (await readBegun(deps, planIdOf(groupId), inFailover));
  if (begun !== undefined) return begun;
  const of = await readRestorable(deps, groupId, await siteToReadAt(deps, options));
  const { origin } = of;
  const chosen = options.objects && (await chooseObjects(deps, origin.id, groupId, options.objects));
  const objects = chosen === undefined ? {} : { objects: [...chosen] };
  const restore = { fromRunId: origin.id, fromGroupId: groupId, namePrefix: "", ...objects };
  const lock = await findLock(deps, origin.source, await lockablesOf(deps, { restore }));
  if (lock !== undefined) throw objectLocked(lock);
  const taken = await readTaken(deps, origin);
  const keepUntil = addSeconds(deps.clock.now(), keepSafetyDays * 24 * 3600);
  const expected = unchangedSince && { unchangedSince };
  return beginRestore(deps, {
    ...{ kind: "rollback", inFailover, of, target: origin.source },
    objectCount: chosen?.length ?? taken?.objects ?? origin.objectCount,
    sequence: await takeNumber(deps, of),
    told: { namePrefix: "", ...objects, rollback: { discardChanges, powerOff, keepUntil, ...expected } },
  });
};

/**
 * The safety group has a number that no run of the plan has: so a list of the site's groups that
 * was asked for before it was taken is known to be older.
 */
const takeNumber = async (deps: Deps, { group, origin }: Restorable): Promise<number> => {
  const plan = await deps.store.get<Plan>(planKey(origin.planId));
  if (plan === undefined) return group.sequence;
  return (await applyToPlan(deps, origin.planId, { type: "take-number" })).sequence;
};

/** Where the group's data is: the nearest first. @throws VisibleError GROUP_UNKNOWN */
const siteToReadAt = async (deps: Deps, { groupId, from }: RollbackOptions): Promise<SiteId> => {
  if (from !== undefined) return from;
  const all = (await groupsOf(deps, groupId)).filter(({ id }) => id === groupId);
  const there = all.filter(({ state }) => state === "published");
  const found = there.find(({ role }) => role === "source") ?? there[0] ?? all[0];
  if (found !== undefined) return found.siteId;
  throw new VisibleError("GROUP_UNKNOWN", `There is no group ${groupId}.`, {
    hint: "List groups with: smtx-backup group list",
  });
};

const groupsOf = async (deps: Deps, groupId: GroupId): Promise<readonly Group[]> => {
  const planId: PlanId = planIdOf(groupId);
  return (await readGroups(deps, planId)).map(({ body }) => body);
};
