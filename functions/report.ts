import { type Report, reportSchema, type TaskReport } from "../core/api/report.ts";
import { type Progress, type Run, reasonCharactersMax } from "../core/api/run.ts";
import { clockOffSecondsMax } from "../core/ports/clock.ts";
import type { RunEvent } from "../core/run/events.ts";
import { hasEnded, partsOf, siteOfTask } from "../core/run/steps.ts";
import { heardOf } from "./alive.ts";
import type { Deps } from "./deps.ts";
import { loseBase } from "./engine/base.ts";
import { applyToPlan, applyToRun } from "./engine/engine.ts";
import { expireIfUseless, historyExpiry } from "./engine/expiry.ts";
import { putFacts } from "./engine/facts.ts";
import { markDeleted } from "./engine/groups.ts";
import { takeList } from "./engine/site-list.ts";
import { goOnTidying, isOfTidying, listIn } from "./engine/tidy.ts";
import { putInventoryPart } from "./inventory.ts";
import { readGateways } from "./queries/sites.ts";
import { progressKey, runKey } from "./records.ts";

/**
 * Takes in one message of the reports queue. What a site says of another's tasks is dropped. Facts
 * are written first, then the state moves on, so a death in between is mended by the message's next
 * delivery.
 *
 * @param isGenuine whether it is from whom it says
 */
export const handleReport = async (
  deps: Deps,
  body: unknown,
  isGenuine: (report: Report) => boolean = () => true,
): Promise<void> => {
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

const handleTaskReport = async (deps: Deps, report: TaskReport): Promise<void> => {
  const stored = await deps.store.get<Run>(runKey(report.runId));
  if (stored === undefined) {
    deps.log.warn({ runId: report.runId, taskId: report.taskId }, "a report about an unknown run was dropped");
    return;
  }
  const { target, step, index, siteId } = report;
  // The target speaks of a transfer when it was told to abort it. That ends nothing: the part was
  // over before it was asked for.
  if (step === "transferring" && siteId === target) return;
  if (siteOfTask(stored.body, target, step, index) !== siteId) {
    deps.log.error({ report }, "a report was dropped: the task is not one of the site that says it");
    return;
  }
  if (report.sequence !== undefined && report.sequence !== stored.body.sequence) {
    deps.log.warn(
      { report },
      "a report was dropped: it is about another run of the slot, from before the table was set back",
    );
    return;
  }
  if (isOfTidying(report)) return goOnTidying(deps, stored.body, report);
  // A late answer must not say less than what is known since.
  if (isInFlight(stored.body, report)) await keepProgress(deps, report);
  await keepWhatItSays(deps, stored.body, report);
  await applyToRun(deps, report.runId, await eventOf(deps, stored.body, report));
  const isLate = partsOf(stored.body).every(([, part]) => hasEnded(part));
  if (isLate && report.kind === "completed") await expireIfUseless(deps, report.runId, { hasMore: true });
};

const isInFlight = (run: Run, { target, step, index }: TaskReport): boolean => {
  const part = run.targets[target];
  return part?.step === step && part.inFlight.some((task) => task.index === index);
};

const keepProgress = async (deps: Deps, report: TaskReport): Promise<void> => {
  const { runId, target, index } = report;
  const body = progressOf(report);
  if (body !== undefined)
    await deps.store.putAll([{ key: progressKey(runId, target, index), body, ...historyExpiry(deps) }]);
};

const progressOf = (report: TaskReport): Progress | undefined => {
  if (report.kind === "working") return report.progress;
  return report.kind === "completed" && report.result.kind === "transfer" ? report.result.progress : undefined;
};

const keepWhatItSays = async (deps: Deps, run: Run, report: TaskReport): Promise<void> => {
  if (report.kind === "failed") {
    if (hasLostBase(report)) await loseBase(deps, report);
    const { newestSequence: sequence } = report;
    if (sequence !== undefined && isInFlight(run, report))
      await applyToPlan(deps, run.planId, { type: "overtaken", sequence });
    return;
  }
  if (report.kind !== "completed") return;
  const { result, siteId } = report;
  if (result.kind === "reclaim") {
    await markDeleted(deps, { planId: run.planId, siteId, groupIds: result.deleted });
    if (isAwaitedList(run, report)) await takeList(deps, run, siteId, listIn(run, result));
  }
  await putFacts(deps, report, result);
};

/**
 * A list is taken only from who was asked for it and has not answered: a late one says what was
 * there once.
 */
const isAwaitedList = (run: Run, { target, step, index, attempt }: TaskReport): boolean => {
  const part = run.targets[target];
  const task = part?.inFlight.find((other) => other.index === index && other.attempt === attempt);
  return part?.step === step && task !== undefined && !task.listed;
};

/** The target has no base of the object, or none that fits: the next try sends it in full. */
const hasLostBase = (report: Extract<TaskReport, { kind: "failed" }>): boolean =>
  report.step === "transferring" && report.reason.code === "BASE_MISSING";

/**
 * A peer whose clock is wrong refuses a good certificate, and to the sender the link just breaks:
 * those who may be meant are named.
 */
const wrongClocks = async (deps: Deps, run: Run, { step, target }: TaskReport): Promise<string> => {
  if (step !== "transferring") return "";
  const gateways = await Promise.all([run.source, target].map((site) => readGateways(deps, site)));
  return gateways
    .flat()
    .filter(({ alive, clockAheadSeconds = 0 }) => alive && Math.abs(clockAheadSeconds) > clockOffSecondsMax)
    .map(({ id, siteId, clockAheadSeconds = 0 }) => {
      const how = `${Math.abs(clockAheadSeconds)} s ${clockAheadSeconds > 0 ? "ahead" : "behind"}`;
      return ` The clock of gateway “${id}” of site “${siteId}” is ${how}: set it.`;
    })
    .join("");
};

const eventOf = async (deps: Deps, run: Run, report: TaskReport): Promise<RunEvent> => {
  const { target, step, index, attempt } = report;
  const about = { target, step, index, attempt };
  switch (report.kind) {
    case "working":
      return { type: "working", ...about };
    case "completed":
      return { type: "completed", ...about };
    case "failed": {
      const { code } = report.reason;
      const message = `${report.reason.message}${await wrongClocks(deps, run, report)}`;
      const reason = { code, message: message.slice(0, reasonCharactersMax) };
      const retryable = report.retryable || hasLostBase(report);
      return { type: "failed", ...about, reason, retryable, progressed: report.progressed };
    }
  }
};
