import type { Run, Shard } from "../../core/api/run.ts";
import { isFinished, isTaskDone } from "../../core/run/shards.ts";
import { hasEnded, partsOf } from "../../core/run/steps.ts";
import { noteGone } from "../groups/gone.ts";
import { markDeleted, recordGroup } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { putFacts } from "../runs/facts.ts";
import type { ShardId } from "../runs/shards.ts";
import { readTaken } from "../runs/taken.ts";
import type { Completed } from "./answers.ts";
import { follow } from "./engine.ts";
import { whenAllDone } from "./take-task.ts";
import { tidySource } from "./tidy.ts";

/**
 * What came of a task that nobody waits for: it comes again, or its part is over. Groups that came
 * to be are written down, so that retention looks after them; and where somebody died between a
 * step's last task and the end of the step, that is made good.
 * @param shard that has given it out, if there is one
 */
export const takeLate = async (
  deps: Deps,
  run: Run,
  report: Completed,
  { id, shard }: { readonly id: ShardId; readonly shard: Shard | undefined },
): Promise<void> => {
  const { result, siteId, step, target } = report;
  if (result.kind === "reclaim") return markDeleted(deps, { planId: run.planId, siteId, groupIds: result.deleted });
  if (shard !== undefined && isTaskDone(shard, report.index)) {
    return isFinished(shard) ? follow(deps, await whenAllDone(deps, id, shard)) : undefined;
  }
  await putFacts(deps, report, result);
  // The source tells it once: no later run would.
  if (result.kind === "snapshot") await noteGone(deps, { runId: run.id, sequence: run.sequence }, result.gone ?? []);
  const part = run.targets[target];
  if (step === "publishing" && part !== undefined && hasEnded(part)) await recordGroup(deps, run, "mirror", target);
  if (step === "snapshotting" && partsOf(run).every(([, one]) => hasEnded(one))) await recordSource(deps, run);
};

/** A snapshot that is of no use any more: the source is tidied up. */
const recordSource = async (deps: Deps, run: Run): Promise<void> => {
  // What is not known in full yet is found by the source's next list.
  if ((await readTaken(deps, run)) === undefined) return;
  const [first] = partsOf(run);
  if (first === undefined) return;
  const [target] = first;
  await recordGroup(deps, run, "source", target);
  if (run.kind === "backup" && !partsOf(run).some(([, part]) => part.state === "succeeded")) {
    await tidySource(deps, run, target);
  }
};
