import type { Reason } from "../../core/api/reason.ts";
import type { Shard } from "../../core/api/run.ts";
import { inOne } from "../../core/run/warnings.ts";
import type { Deps } from "../deps.ts";
import { settleGone } from "./gone.ts";
import type { ShardId } from "./happenings.ts";
import { readWarnings, warnedIn } from "./warnings.ts";

/**
 * All tasks of a step are done: what follows from that is written down before its parts go on. Twice is as good as
 * once.
 * @param shards of the step, all of them
 * @returns what is to be known of it
 */
export const windUpStep = async (
  deps: Deps,
  { runId, place, step }: Pick<ShardId, "runId" | "place" | "step">,
  shards: readonly Shard[],
): Promise<Reason | undefined> => {
  const isSnapshot = step === "snapshotting";
  const [first] = shards;
  if (isSnapshot && first !== undefined) await settleGone(deps, first, runId);
  const target = isSnapshot ? "source" : place;
  const warnings = await readWarnings(deps, runId, { step, target, total: warnedIn(shards) });
  return inOne(warnings.first, warnings.total);
};
