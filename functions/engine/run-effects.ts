import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import { sendableText } from "../../core/api/message.ts";
import type { Reason, Run } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import type { RunEffect } from "../../core/run/events.ts";
import type { Deps } from "../deps.ts";
import { runKey } from "../records.ts";
import { applyToPlan, applyToRun } from "./engine.ts";
import { expireIfUseless } from "./expiry.ts";
import { readRunPlan } from "./facts.ts";
import { dropHold, markOfFailedRun, recordGroup } from "./groups.ts";
import { abortTaskOf, tasksOf } from "./tasks.ts";
import { tidySource } from "./tidy.ts";

/** Carries out one effect of a run. Idempotent (I8). */
export const carryOutRunEffect = async (deps: Deps, runId: RunId, effect: RunEffect): Promise<void> => {
  const stored = await deps.store.get<Run>(runKey(runId));
  assert(stored !== undefined, `the run ${runId} is missing`);
  const run = stored.body;
  switch (effect.type) {
    case "dispatch":
      return dispatch(deps, run, effect);
    case "record-group":
      return recordGroup(deps, run, effect.role, effect.target);
    case "abort":
      return deps.tasks.send(effect.target, [{ task: abortTaskOf(deps, run, effect.target) }]);
    case "ended":
      return ended(deps, run, effect.target);
    case "tidy-source":
      return tidySource(deps, run, effect.target);
  }
};

const dispatch = async (deps: Deps, run: Run, effect: Extract<RunEffect, { type: "dispatch" }>): Promise<void> => {
  // The part may have moved on since the effect was decided; its tasks would be done for nothing.
  if (run.targets[effect.target]?.step !== effect.step) return;
  const tasks = await tasksOf(deps, run, effect);
  for (const task of tasks) {
    const reason = refusalOf(task);
    if (reason === undefined) continue;
    const { target, step, index, attempt } = task;
    const failed = { type: "failed", reason, retryable: false, progressed: false } as const;
    await applyToRun(deps, run.id, { ...failed, target, step, index, attempt });
    return;
  }
  const bySite = Map.groupBy(tasks, (task) => task.siteId);
  for (const [siteId, messages] of bySite) {
    const delaySeconds = Math.round(effect.delaySeconds);
    await deps.tasks.send(
      siteId,
      messages.map((task) => ({ task, delaySeconds })),
    );
  }
};

/**
 * Why a task can't be sent, however often it is tried: its site would never hear of it, and the
 * part never end.
 */
const refusalOf = (task: RunTask): Reason | undefined => {
  try {
    sendableText(task, `The task ${task.id}`);
    return undefined;
  } catch (error) {
    if (!VisibleError.is(error, "MESSAGE_TOO_LARGE")) throw error;
    return { code: error.code, message: `${error.message} ${error.hint}` };
  }
};

const ended = async (deps: Deps, run: Run, target: SiteId): Promise<void> => {
  if (run.kind !== "rebuild") {
    await applyToPlan(deps, run.planId, { type: "released", target, runId: run.id });
    await markOfFailedRun(deps, run);
  } else {
    const { restore } = await readRunPlan(deps, run.id);
    if (restore !== undefined) await dropHold(deps, restore.fromGroupId, target, run.id);
  }
  await expireIfUseless(deps, run.id);
};
