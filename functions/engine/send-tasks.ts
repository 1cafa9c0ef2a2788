import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { Moved, Shard, Step } from "../../core/api/run.ts";
import { partsOf } from "../../core/run/steps.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun } from "../runs/runs.ts";
import type { Happening } from "./happenings.ts";
import { shardsAtOnce } from "./shards.ts";
import { taskOf } from "./tasks.ts";

/**
 * Sends the tasks that these shards give out. One that can't be made or sent, however often it is
 * tried, ends the step: its site would never hear of it.
 */
export const send = async (
  deps: Deps,
  runId: RunId,
  place: SiteId,
  shards: readonly Shard[],
  delaySeconds = 0,
): Promise<readonly Happening[]> => {
  if (shards.length === 0) return [];
  try {
    const tasks = await mapBounded(shards, shardsAtOnce, (shard) => taskOf(deps, runId, place, shard));
    for (const [siteId, some] of Map.groupBy(tasks, (task) => task.siteId)) {
      await deps.tasks.send(
        siteId,
        some.map((task) => ({ task, delaySeconds: Math.round(delaySeconds) })),
      );
    }
    return [];
  } catch (error) {
    if (!VisibleError.is(error, "MESSAGE_TOO_LARGE") && !VisibleError.is(error, "GROUP_INCOMPLETE")) throw error;
    const reason = { code: error.code, message: `${error.message} ${error.hint}` };
    return gaveUp(deps, runId, place, shards[0]?.step, reason);
  }
};

/** The parts that a shard's tasks are done for: of the snapshot, all that wait for it. */
export const targetsOf = async (deps: Deps, runId: RunId, place: SiteId, step: Step): Promise<readonly SiteId[]> => {
  if (step !== "snapshotting") return [place];
  const loaded = await loadRun(deps, runId);
  return loaded === undefined
    ? []
    : partsOf(loaded.run).flatMap(([target, part]) => (part.step === step ? [target] : []));
};

/** A task of the step is given up, for all that it was done for. */
export const gaveUp = async (
  deps: Deps,
  runId: RunId,
  place: SiteId,
  step: Step | undefined,
  reason: Reason,
): Promise<readonly Happening[]> => {
  if (step === undefined) return [];
  const targets = await targetsOf(deps, runId, place, step);
  return targets.map((target) => ({ to: "part", runId, target, event: { type: "gave-up", step, reason } }));
};

/** All tasks of a step are done. @param came what they came to, and what is to be known of it */
export const stepDone = (
  runId: RunId,
  target: SiteId,
  step: Step,
  came: { readonly warning: Reason | undefined; readonly moved: Moved | undefined },
): Happening => {
  const { warning, moved } = came;
  return {
    to: "part",
    runId,
    target,
    event: { type: "done", step, ...(warning && { warning }), ...(moved && { moved }) },
  };
};
