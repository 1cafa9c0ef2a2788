import { isRestoreId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { Moved, Shard } from "../../core/api/run.ts";
import { movedBy } from "../../core/run/moved.ts";
import { inOne } from "../../core/run/warnings.ts";
import { settleGone } from "../groups/gone.ts";
import type { Deps } from "../ports/deps.ts";
import type { ShardId } from "../runs/shards.ts";
import { readWarnings, warnedIn } from "../runs/warnings.ts";

/**
 * All tasks of a step are done: what follows from that is written down before its parts go on.
 * Twice is as good as once.
 * @param shards of the step, all of them
 * @returns what is to be known of it, and what was sent
 */
export const windUpStep = async (
  deps: Deps,
  { runId, place, step }: Pick<ShardId, "runId" | "place" | "step">,
  shards: readonly Shard[],
): Promise<{ readonly warning: Reason | undefined; readonly moved: Moved | undefined }> => {
  const isSnapshot = step === "snapshotting";
  const [first] = shards;
  // The safety group of a restore says nothing of what its plan has.
  if (isSnapshot && first !== undefined && !isRestoreId(runId)) await settleGone(deps, first, runId);
  const target = isSnapshot ? "source" : place;
  const warnings = await readWarnings(deps, runId, { step, target, total: warnedIn(shards) });
  return { warning: inOne(warnings.first, warnings.total), moved: movedBy(shards) };
};
