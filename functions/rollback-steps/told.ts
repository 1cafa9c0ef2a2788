import { strict as assert } from "node:assert";
import type { Instant, RunId, SiteId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { Shard } from "../../core/api/run.ts";
import type { CheckTask, RollbackTask, SnapshotTask } from "../../core/api/task.ts";
import { lockablesOf } from "../locks/lockables.ts";
import { lockedText, takeLocks } from "../locks/locks.ts";
import type { Deps } from "../ports/deps.ts";
import { readRunPlan, type SnapshotFact } from "../runs/facts.ts";
import { readRestoredObjects } from "../runs/restored-objects.ts";
import { readGroupOf } from "../staging/read-group.ts";

/* What the tasks of a rollback are told. */

const told = async (deps: Deps, runId: RunId) => {
  const runPlan = await readRunPlan(deps, runId);
  const { restore, planName } = runPlan;
  assert(restore?.rollback !== undefined, `${runId} is a rollback`);
  const placed = runPlan.standIns && { standIns: runPlan.standIns };
  return { runPlan, restore, planName, wishes: restore.rollback, placed };
};

const allOf = async (deps: Deps, runId: RunId): Promise<readonly SnapshotFact[]> =>
  readRestoredObjects(deps, (await told(deps, runId)).runPlan);

/** The group of the present state. */
export const safetyGroupOf = async (
  deps: Deps,
  runId: RunId,
): Promise<Pick<SnapshotTask, "objects" | "planName" | "keepUntil" | "standIns">> => {
  const { planName, wishes, placed } = await told(deps, runId);
  const objects = (await allOf(deps, runId)).map(({ config: { kind, id, name } }) => ({ kind, id, name }));
  return { objects, planName, keepUntil: wishes.keepUntil, ...placed };
};

/**
 * What its objects become again: by then that is at their site.
 * @param sender of what had to be brought there
 */
export const rollbackOf = async (
  deps: Deps,
  runId: RunId,
  { sender }: Pick<Shard, "sender">,
): Promise<Pick<RollbackTask, "from" | "objects" | "discardChanges" | "unchangedSince" | "standIns">> => {
  const { runPlan, wishes, placed } = await told(deps, runId);
  const objects = (await allOf(deps, runId)).map(({ config: { kind, id } }) => ({ kind, id }));
  const { discardChanges, unchangedSince } = wishes;
  const expected = unchangedSince && { unchangedSince };
  return { from: readGroupOf(runId, { sender }, runPlan), objects, discardChanges, ...expected, ...placed };
};

export const checkOf = async (
  deps: Deps,
  runId: RunId,
): Promise<
  Pick<CheckTask, "from" | "objects" | "discardChanges" | "unchangedSince" | "standIns" | "takenAt" | "powerOff">
> => {
  const { wishes } = await told(deps, runId);
  const [first] = await allOf(deps, runId);
  assert(first !== undefined, "a group has objects");
  const takenAt = first.takenAt as Instant;
  // Nothing has been brought yet.
  return { ...(await rollbackOf(deps, runId, {})), takenAt, powerOff: wishes.powerOff };
};

/** Before anything is done, the objects are the run's alone. @returns why they are not */
export const lockObjects = async (deps: Deps, runId: RunId, siteId: SiteId): Promise<Reason | undefined> => {
  const wanted = await lockablesOf(deps, (await told(deps, runId)).runPlan);
  const other = await takeLocks(deps, { runId, siteId }, wanted);
  return other && { code: "OBJECT_LOCKED", message: lockedText(other) };
};
