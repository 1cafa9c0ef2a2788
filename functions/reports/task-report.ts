import type { TaskReport } from "../../core/api/report.ts";
import type { Run, Shard } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { answerFault } from "../../core/run/answer-fault.ts";
import type { ReportRefusal } from "../../core/run/refusal.ts";
import { shardOf } from "../../core/run/shards.ts";
import { hasEnded, hasStep, isCounted, placeOf, siteOfTask, taskCount } from "../../core/run/steps.ts";
import { applyToTask, follow } from "../engine/engine.ts";
import { takeLate, wasAnswered } from "../engine/late.ts";
import { unstaged } from "../engine/settle.ts";
import { isOfAbort, isOfUnstage } from "../engine/tasks.ts";
import { isOfTidying, readQuestion, takeAnswer } from "../engine/tidy.ts";
import { heardFrom } from "../gateways/alive.ts";
import { whyNotEnrolledOfLate } from "../gateways/enrolled.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun } from "../runs/runs.ts";
import { readShard, type ShardId } from "../runs/shards.ts";
import { readTaken } from "../runs/taken.ts";
import { readStaged } from "../staging/staged-volumes.ts";
import { faultIn, faultInAnswer } from "./fault.ts";
import { eventOf, refusedAnswer } from "./task-event.ts";

/**
 * Takes in what a gateway says of a task. It counts from a gateway that is enrolled, about a task
 * that its site was given and has not answered, and when it is an answer to that.
 * @returns why it does not count
 */
export const takeTaskReport = async (deps: Deps, report: TaskReport): Promise<ReportRefusal | undefined> => {
  const refusal = await whyNotEnrolledOfLate(deps, report);
  if (refusal !== undefined) return refusal;
  await heardFrom(deps, report);
  if (isOfAbort(report)) return undefined;
  if (isOfTidying(report)) return takeInTidying(deps, report);
  if (isOfUnstage(report)) return takeUnstaged(deps, report);
  const { runId, target, step, index } = report;
  const id: ShardId = { runId, place: target, step, shard: shardOf(index) };
  const shard = await readShard(deps, id);
  if (shard !== undefined && isGivenOut(shard.body, report)) return takeIn(deps, id, shard, report);
  return takeInWithRun(deps, report);
};

/** Whether the task that it is about is under way, whichever try. */
const isGivenOut = (shard: Shard, { index }: TaskReport): boolean => shard.deadline !== null && shard.index === index;

const takeIn = async (
  deps: Deps,
  id: ShardId,
  shard: Stored<Shard>,
  report: TaskReport,
): Promise<ReportRefusal | undefined> => {
  const refusal = whyNotItsOwn(shard.body, { ...report, target: id.place });
  if (refusal !== undefined) return refusal;
  const fault = report.kind === "completed" ? await faultIn(deps, shard.body, report) : undefined;
  const event = fault === undefined ? await eventOf(deps, id, shard.body, report) : refusedAnswer(report, fault);
  await applyToTask(deps, id, event, shard);
  return fault;
};

/**
 * What it says of a task that is not under way, or may be another version's, is judged by its run.
 */
const takeInWithRun = async (deps: Deps, report: TaskReport): Promise<ReportRefusal | undefined> => {
  const { runId, target, step, index } = report;
  const run = (await loadRun(deps, runId))?.run;
  if (run === undefined) return "RUN_UNKNOWN";
  if (!hasStep(run, target, step)) return "TASK_UNKNOWN";
  const refusal = whyNotItsOwn(run, report);
  if (refusal !== undefined) return refusal;
  const taken = isCounted(step) ? await takenOf(deps, run) : undefined;
  if (index >= taskCount(run, step, taken)) return "TASK_UNKNOWN";
  const id: ShardId = { runId, place: placeOf(run, target, step), step, shard: shardOf(index) };
  const shard = await readShard(deps, id);
  if (shard !== undefined && isGivenOut(shard.body, report)) return takeIn(deps, id, shard, report);
  return takeInLate(deps, { run, id, shard: shard?.body }, report);
};

const takenOf = (deps: Deps, run: Run) => (run.sender === undefined ? readTaken(deps, run) : readStaged(deps, run.id));

/** The task was done before, or its part is over, or nobody was given it. */
const takeInLate = async (
  deps: Deps,
  { run, id, shard }: { readonly run: Run; readonly id: ShardId; readonly shard: Shard | undefined },
  report: TaskReport,
): Promise<ReportRefusal | undefined> => {
  if (shard === undefined || report.index > shard.index) return "TASK_NOT_GIVEN";
  // Of what is over nothing else matters.
  if (report.kind !== "completed") return undefined;
  if (await wasAnswered(deps, id, shard, report.index)) return "TASK_ANSWERED";
  const fault = answerFault(report, {});
  if (fault === undefined) await takeLate(deps, run, report);
  return fault;
};

/** The answer to what a site was asked outside of its run's steps. */
const takeInTidying = async (deps: Deps, report: TaskReport): Promise<ReportRefusal | undefined> => {
  const { runId, target, step, index } = report;
  const run = (await loadRun(deps, runId))?.run;
  if (run === undefined) return "RUN_UNKNOWN";
  if (step !== "reclaiming" || !hasStep(run, target, step) || (index !== 0 && index !== 1)) return "TASK_UNKNOWN";
  const refusal = whyNotItsOwn(run, report);
  if (refusal !== undefined) return refusal;
  const question = await readQuestion(deps, report);
  if (question === undefined) return "TASK_NOT_GIVEN";
  if (report.kind !== "completed") return undefined;
  if (question.isAnswered) return "TASK_ANSWERED";
  const fault = faultInAnswer(question, report);
  const { result } = report;
  if (fault !== undefined || result.kind !== "reclaim") return fault;
  await takeAnswer(deps, run, { target, index }, { question, result });
  return undefined;
};

/** What was brought to a site for a restore is gone from it, by what the site itself says. */
const takeUnstaged = async (deps: Deps, report: TaskReport): Promise<ReportRefusal | undefined> => {
  const { runId, target, siteId, sequence } = report;
  const run = (await loadRun(deps, runId))?.run;
  if (run === undefined) return "RUN_UNKNOWN";
  const part = run.targets[target];
  if (part === undefined || run.sender === undefined) return "TASK_UNKNOWN";
  if (siteId !== target) return "TASK_OF_ANOTHER_SITE";
  if (sequence !== undefined && sequence !== run.sequence) return "RUN_IS_ANOTHER";
  if (!hasEnded(part)) return "TASK_NOT_GIVEN";
  if (report.kind !== "completed") return undefined;
  if (report.result.kind !== "unstage") return "ANSWER_OF_ANOTHER_KIND";
  if (!part.unsettled) return "TASK_ANSWERED";
  await follow(deps, await unstaged(deps, run, target));
  return undefined;
};

/** Why it is not about a task of the site that says it, or not about this very run. */
const whyNotItsOwn = (
  run: Pick<Shard, "source" | "sender" | "at" | "sequence">,
  { target, step, index, siteId, sequence = run.sequence }: TaskReport,
): ReportRefusal | undefined => {
  if (siteOfTask(run, target, step, index) !== siteId) return "TASK_OF_ANOTHER_SITE";
  return sequence === run.sequence ? undefined : "RUN_IS_ANOTHER";
};
