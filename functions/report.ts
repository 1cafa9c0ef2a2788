import { cutSentence } from "../core/api/bounds.ts";
import { VisibleError } from "../core/api/errors.ts";
import { planIdOf } from "../core/api/ids.ts";
import { isNewerMessage } from "../core/api/message.ts";
import { type Report, reportSchema, type TaskReport } from "../core/api/report.ts";
import type { Shard } from "../core/api/run.ts";
import { clockOffSecondsMax } from "../core/ports/clock.ts";
import type { Stored } from "../core/ports/store.ts";
import type { TaskEvent } from "../core/run/events.ts";
import { shardOf } from "../core/run/shards.ts";
import { isCounted, placeOf, siteOfTask, taskCount } from "../core/run/steps.ts";
import { volumesMax, volumesUpTo } from "../core/run/volumes.ts";
import { answerTo } from "./engine/answers.ts";
import { applyToPlan, applyToTask } from "./engine/engine.ts";
import { takeLate } from "./engine/late.ts";
import { goOnTidying, isOfTidying } from "./engine/tidy.ts";
import { heardFrom, heardOf } from "./gateways/alive.ts";
import { readGateways } from "./gateways/list.ts";
import { loseBase } from "./groups/base.ts";
import { putInventoryPart } from "./inventory/inventory.ts";
import type { Deps } from "./ports/deps.ts";
import { readFact, type SnapshotFact } from "./runs/facts.ts";
import { loadRun } from "./runs/runs.ts";
import type { ShardId } from "./runs/shards.ts";
import { readShard } from "./runs/shards.ts";
import { readTaken } from "./runs/taken.ts";

/**
 * Takes in one message of the reports queue. What a site says of another's tasks is dropped. Facts
 * are written first, then the state moves on, so a death in between is mended by the message's next
 * delivery.
 *
 * @throws {VisibleError} NEWER_VERSION, and what keeps it from being taken in
 * @param isGenuine whether it is from whom it says
 */
export const handleReport = async (
  deps: Deps,
  body: unknown,
  isGenuine: (report: Report) => boolean = () => true,
): Promise<void> => {
  refuseNewer(body);
  const parsed = reportSchema.safeParse(body);
  if (!parsed.success) {
    // It can never be understood; retrying would only keep others waiting.
    deps.log.error({ issues: parsed.error.issues }, "a report was dropped: it is not of the known form");
    return;
  }
  const report = parsed.data;
  if (!isGenuine(report)) {
    deps.log.error({ report }, "a report was dropped: it is not from the gateway that it names");
    return;
  }
  switch (report.kind) {
    case "alive":
      return heardOf(deps, report);
    case "inventory":
      return putInventoryPart(deps, report);
    default:
      return handleTaskReport(deps, report);
  }
};

/**
 * It goes back to its queue, for a version that understands it.
 * @throws {VisibleError} NEWER_VERSION
 */
export const refuseNewer = (body: unknown): void => {
  if (!isNewerMessage(body)) return;
  throw new VisibleError("NEWER_VERSION", "A report is from a gateway of a newer version than this control plane.", {
    hint: "Update the control plane: the report waits for it.",
  });
};

const handleTaskReport = async (deps: Deps, report: TaskReport): Promise<void> => {
  await heardFrom(deps, report);
  const { runId, target, step, index } = report;
  if (!isOfTidying(report)) {
    const id: ShardId = { runId, place: target, step, shard: shardOf(index) };
    const shard = await readShard(deps, id);
    if (shard !== undefined && isGivenOut(shard.body, report)) return takeIn(deps, id, shard, report);
  }
  return takeInWithRun(deps, report);
};

/** Whether the task that it is about is under way, whichever try. */
const isGivenOut = (shard: Shard, { index }: TaskReport): boolean => shard.deadline !== null && shard.index === index;

/**
 * What it says of a task that is not under way, or may be another version's, is judged by its run.
 */
const takeInWithRun = async (deps: Deps, report: TaskReport): Promise<void> => {
  const { runId, taskId, target, step, index } = report;
  const run = (await loadRun(deps, runId))?.run;
  if (run === undefined) {
    deps.log.warn({ runId, taskId }, "a report about an unknown run was dropped");
    return;
  }
  // The target speaks of a transfer when it was told to abort it. That ends nothing: the part was
  // over before it was asked for.
  if (step === "transferring" && report.siteId === target) return;
  if (!isOfItsSite(deps, run, report)) return;
  if (isOfTidying(report)) return goOnTidying(deps, run, report);
  const taken = isCounted(step) ? await readTaken(deps, run) : undefined;
  if (index >= taskCount(run, step, taken)) {
    deps.log.error({ report }, "a report was dropped: the run has no such task");
    return;
  }
  const id: ShardId = { runId, place: placeOf(run, target, step), step, shard: shardOf(index) };
  const shard = await readShard(deps, id);
  if (shard !== undefined && isGivenOut(shard.body, report)) return takeIn(deps, id, shard, report);
  if (report.kind === "completed") await takeLate(deps, run, report, { id, shard: shard?.body });
};

/** Whether the task is one of the site that says it, of this very run. */
const isOfItsSite = (
  deps: Deps,
  run: { readonly source: Shard["source"]; readonly sequence: number },
  report: TaskReport,
): boolean => {
  const { target, step, index, siteId, sequence = run.sequence } = report;
  if (siteOfTask(run, target, step, index) !== siteId) {
    deps.log.error({ report }, "a report was dropped: the task is not one of the site that says it");
    return false;
  }
  if (sequence === run.sequence) return true;
  const why = "it is about another run of the slot, from before the table was set back";
  deps.log.warn({ report }, `a report was dropped: ${why}`);
  return false;
};

const takeIn = async (deps: Deps, id: ShardId, shard: Stored<Shard>, report: TaskReport): Promise<void> => {
  if (!isOfItsSite(deps, shard.body, { ...report, target: id.place })) return;
  await applyToTask(deps, id, await eventOf(deps, id, shard.body, report), shard);
};

/** What happened, after what it says of anything else is written down. */
const eventOf = async (deps: Deps, id: ShardId, shard: Shard, report: TaskReport): Promise<TaskEvent> => {
  const { index, attempt } = report;
  switch (report.kind) {
    case "working":
      return { type: "working", index, attempt, ...(report.progress && { progress: report.progress }) };
    case "completed":
      if (isOfNothing(report)) return { type: "failed", index, attempt, ...nothingTaken };
      if (isOfTooMany(report)) return { type: "failed", index, attempt, ...tooManyTaken };
      return { type: "completed", index, attempt, answer: await answerTo(deps, id, shard, report) };
    case "failed": {
      const noBase = hasLostBase(report);
      if (noBase) await loseBase(deps, id.runId, id.place);
      const { newestSequence: sequence, progressed } = report;
      if (sequence !== undefined) await applyToPlan(deps, planIdOf(id.runId), { type: "overtaken", sequence });
      const about = await objectIn(deps, id, report);
      const message = `${about}${report.reason.message}${await wrongClocks(deps, shard, report)}`;
      const reason = { code: report.reason.code, message: cutSentence(message) };
      const retryable = report.retryable || noBase;
      return { type: "failed", index, attempt, reason, retryable, progressed, noBase };
    }
  }
};

const isOfNothing = ({ result, part }: Extract<TaskReport, { kind: "completed" }>): boolean =>
  result.kind === "snapshot" && part === undefined && result.objects.length === 0;

const nothingTaken = {
  reason: { code: "OBJECT_GONE", message: "Nothing of what the plan protects is at the source any more." },
  ...{ retryable: false, progressed: false },
} as const;

const isOfTooMany = ({ result }: Extract<TaskReport, { kind: "completed" }>): boolean =>
  result.kind === "snapshot" && volumesUpTo(result) > volumesMax;

const tooManyTaken = {
  reason: { code: "PLAN_TOO_LARGE", message: `The plan's objects have more than ${volumesMax} volumes together.` },
  ...{ retryable: false, progressed: false },
} as const;

/** Configuration sync fails for an object, which is named. */
const objectIn = async (deps: Deps, { runId }: ShardId, { step, index }: TaskReport): Promise<string> => {
  if (step !== "preparing") return "";
  const fact = await readFact<SnapshotFact>(deps, runId, "snapshotting", "source", index);
  return fact === undefined ? "" : `Object ${fact.config.name} (${fact.config.kind}): `;
};

/** The target has no base of the volume, or none that fits: the next try sends it in full. */
const hasLostBase = (report: Extract<TaskReport, { kind: "failed" }>): boolean =>
  report.step === "transferring" && report.reason.code === "BASE_MISSING";

/**
 * A peer whose clock is wrong refuses a good certificate, and to the sender the link just breaks:
 * those who may be meant are named.
 */
const wrongClocks = async (deps: Deps, { source }: Shard, { step, target }: TaskReport): Promise<string> => {
  if (step !== "transferring") return "";
  const gateways = await Promise.all([source, target].map((site) => readGateways(deps, site)));
  return gateways
    .flat()
    .filter(({ alive, clockAheadSeconds = 0 }) => alive && Math.abs(clockAheadSeconds) > clockOffSecondsMax)
    .map(({ id, siteId, clockAheadSeconds = 0 }) => {
      const how = `${Math.abs(clockAheadSeconds)} s ${clockAheadSeconds > 0 ? "ahead" : "behind"}`;
      return ` The clock of gateway “${id}” of site “${siteId}” is ${how}: set it.`;
    })
    .join("");
};
