import type { Run, Shard } from "../../core/api/run.ts";
import { isFinished, isTaskDone } from "../../core/run/shards.ts";
import { isStaging, partsOf } from "../../core/run/steps.ts";
import type { Deps } from "../ports/deps.ts";
import type { ShardId } from "../runs/shards.ts";
import type { Completed } from "./answers.ts";
import { follow } from "./engine.ts";
import { whenAllDone } from "./take-task.ts";
import { askOnce, type Place } from "./tidy.ts";

/**
 * A task that is done, was answered before. Where somebody died between a step's last task and the
 * end of the step, that is made good.
 * @returns whether that is so
 */
export const wasAnswered = async (deps: Deps, id: ShardId, shard: Shard, index: number): Promise<boolean> => {
  if (!isTaskDone(shard, index)) return false;
  if (isFinished(shard)) await follow(deps, await whenAllDone(deps, id, shard));
  return true;
};

/**
 * A task is done that nobody waits for any more, as its part is over. What it says is not believed:
 * where groups came to be or went, the site is asked what it has, so that retention looks after it.
 */
export const takeLate = async (deps: Deps, run: Run, report: Completed): Promise<void> => {
  const place = placeOf(run, report);
  if (place !== undefined) await askOnce(deps, run, place);
};

/** Where the groups lie that the task has made or deleted; undefined: it is about none. */
const placeOf = (run: Run, { step, target, index }: Completed): Place | undefined => {
  if (isStaging(run, step)) return undefined;
  switch (step) {
    case "snapshotting": {
      const [first] = partsOf(run);
      return first && { target: first[0], index: run.kind === "backup" ? 1 : 0 };
    }
    case "publishing":
      return { target, index: 0 };
    case "reclaiming":
      return { target, index: index === 0 ? 0 : 1 };
    default:
      return undefined;
  }
};
