import { strict as assert } from "node:assert";
import { type GroupId, type PlanId, planIdOf, type RunId, stagedIdsOf } from "../../core/api/ids.ts";
import type { RunHead, RunPlan } from "../../core/api/run.ts";

/**
 * The group that a restore reads at its target, and whose it is there: what was brought for it, or
 * what the site has.
 */
export const readGroupOf = (
  runId: RunId,
  { sender }: Pick<RunHead, "sender">,
  { restore }: Pick<RunPlan, "restore">,
): { readonly planId: PlanId; readonly groupId: GroupId } => {
  assert(restore !== undefined, "only a restore reads a group");
  const { fromGroupId: groupId } = restore;
  return sender === undefined ? { planId: planIdOf(groupId), groupId } : stagedIdsOf(runId);
};
