import type { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { GroupId, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import { planIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { rollbackCreateSchema } from "../../core/api/restore/rollback.ts";
import type { Run } from "../../core/api/run.ts";
import { refuseMoved } from "../../core/plan/refuse-moved.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { planKey } from "../documents/records.ts";
import { applyToPlan } from "../engine/engine.ts";
import { readGroups } from "../groups/groups.ts";
import { lockablesOf } from "../locks/lockables.ts";
import { findLock, objectLocked } from "../locks/locks.ts";
import type { Deps } from "../ports/deps.ts";
import { chooseObjects } from "../rebuild/chosen-objects.ts";
import { beginRestore, type InFailover, readBegun } from "../restores/begin.ts";
import { readRestorable } from "../restores/restorable.ts";

type RollbackOptions = Omit<z.infer<typeof rollbackCreateSchema>, "type">;

/** How a failover brings objects home. */
export interface RollbackInFailover {
  readonly inFailover: InFailover;
  /** What stands for the plan's objects at home. */
  readonly standIns: readonly RunId[];
  /** What the objects are expected to be now, instead of the group that they become. */
  readonly unchangedSince: GroupId;
}

/**
 * Begins to make a group's objects, or some of them, on the site that its plan protects what the
 * group has of them (W12): from that site's own group where it is there, else from a target's.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, OBJECT_UNKNOWN, OBJECT_AMBIGUOUS,
 *   OBJECT_LOCKED, and as `beginRestore`; of what a person asks for while a failover has the plan's
 *   objects, FAILOVER_UNDER_WAY or PLAN_AWAY
 */
export const startRollback = async (deps: Deps, options: RollbackOptions, by?: RollbackInFailover): Promise<Run> => {
  const { groupId, discardChanges, powerOff, keepSafetyDays } = options;
  const begun = by && (await readBegun(deps, planIdOf(groupId), by.inFailover));
  if (begun !== undefined) return begun;
  const plan = (await deps.store.get<Plan>(planKey(planIdOf(groupId))))?.body;
  if (by === undefined && plan !== undefined) refuseMoved(plan, "Nothing was rolled back");
  const of = await readRestorable(deps, groupId, await siteToReadAt(deps, options, plan));
  const { origin } = of;
  const chosen = options.objects && (await chooseObjects(deps, origin.id, groupId, options.objects));
  const objects = chosen === undefined ? {} : { objects: [...chosen] };
  const restore = { fromRunId: origin.id, fromGroupId: groupId, namePrefix: "", ...objects };
  const lock = await findLock(deps, origin.source, await lockablesOf(deps, { restore }));
  if (lock !== undefined) throw objectLocked(lock);
  const keepUntil = addSeconds(deps.clock.now(), keepSafetyDays * 24 * 3600);
  const expected = by && { unchangedSince: by.unchangedSince };
  return beginRestore(deps, {
    ...{ kind: "rollback", of, target: origin.source, inFailover: by?.inFailover },
    standIns: by?.standIns ?? plan?.place?.standIns,
    objectCount: chosen?.length ?? of.taken.objects ?? origin.objectCount,
    sequence: plan === undefined ? of.group.sequence : await takeNumber(deps, plan.id),
    told: { namePrefix: "", ...objects, rollback: { discardChanges, powerOff, keepUntil, ...expected } },
  });
};

/**
 * The safety group has a number that no run of the plan has: so a list of the site's groups that
 * was asked for before it was taken is known to be older.
 */
const takeNumber = async (deps: Deps, planId: PlanId): Promise<number> =>
  (await applyToPlan(deps, planId, { type: "take-number" })).sequence;

/** Where the group's data is: the nearest first. @throws VisibleError GROUP_UNKNOWN */
const siteToReadAt = async (deps: Deps, { groupId, from }: RollbackOptions, plan?: Plan): Promise<SiteId> => {
  if (from !== undefined) return from;
  const all = (await groupsOf(deps, groupId)).filter(({ id }) => id === groupId);
  const there = all.filter(({ state }) => state === "published");
  const found = there.find(({ siteId }) => siteId === plan?.source) ?? there[0] ?? all[0];
  if (found !== undefined) return found.siteId;
  throw new VisibleError("GROUP_UNKNOWN", `There is no group ${groupId}.`, {
    hint: "List groups with: smtx-backup group list",
  });
};

const groupsOf = async (deps: Deps, groupId: GroupId): Promise<readonly Group[]> => {
  const planId: PlanId = planIdOf(groupId);
  return (await readGroups(deps, planId)).map(({ body }) => body);
};
