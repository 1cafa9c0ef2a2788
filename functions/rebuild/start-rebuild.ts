import { type GroupId, planIdOf } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { Deps } from "../ports/deps.ts";
import { beginRestore, type InFailover, readBegun } from "../restores/begin.ts";
import { readRestorable } from "../restores/restorable.ts";
import { planRebuild, type RebuildOptions } from "./plan-rebuild.ts";

/**
 * Begins to rebuild a group's objects, or some of them, on a site that has it (W12): a target, or
 * the one that the plan protects. The group is held until the end.
 * @throws VisibleError GROUP_UNKNOWN, GROUP_NOT_RESTORABLE, and as `planRebuild` and `beginRestore`
 */
export const startRebuild = async (
  deps: Deps,
  options: RebuildOptions & { readonly groupId: GroupId; readonly inFailover?: InFailover | undefined },
): Promise<Run> => {
  const { groupId, siteId, inFailover } = options;
  const begun = inFailover && (await readBegun(deps, planIdOf(groupId), inFailover));
  if (begun !== undefined) return begun;
  const of = await readRestorable(deps, groupId, siteId);
  return beginRestore(deps, { kind: "rebuild", inFailover, of, ...(await planRebuild(deps, of, options)) });
};
