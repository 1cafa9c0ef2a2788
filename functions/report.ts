import { VisibleError } from "../core/api/errors.ts";
import { reportSchema, type TaskReport } from "../core/api/report.ts";
import type { RunEvent } from "../core/run/events.ts";
import type { Deps } from "./deps.ts";
import { applyToRun } from "./engine/engine.ts";
import { putFacts } from "./engine/facts.ts";
import { adoptGroups, markDeleted } from "./engine/groups.ts";
import { putInventoryPart } from "./inventory.ts";
import { gatewayKey, progressKey } from "./records.ts";

/**
 * Takes in one message of the reports queue. Facts are written first, then the state moves on, so a death in between
 * is mended by the message's next delivery.
 */
export const handleReport = async (deps: Deps, body: unknown): Promise<void> => {
  const parsed = reportSchema.safeParse(body);
  if (!parsed.success) {
    // It can never be understood; retrying would only keep others waiting.
    deps.log.error({ issues: parsed.error.issues }, "a report was dropped: it is not of the known form");
    return;
  }
  const report = parsed.data;
  switch (report.kind) {
    case "alive": {
      const gateway = { ...report.gateway, lastSeenAt: deps.clock.now() };
      return deps.store.putAll([{ key: gatewayKey(gateway.siteId, gateway.id), body: gateway }]);
    }
    case "inventory":
      return putInventoryPart(deps, report);
    default:
      return handleTaskReport(deps, report);
  }
};

const handleTaskReport = async (deps: Deps, report: TaskReport): Promise<void> => {
  // An abort ends nothing: its part was over before it was asked for.
  if (report.kind === "completed" && report.result.kind === "abort") return;
  await keepWhatItSays(deps, report);
  try {
    await applyToRun(deps, report.runId, eventOf(report));
  } catch (error) {
    if (!VisibleError.is(error, "RUN_UNKNOWN")) throw error;
    deps.log.warn({ runId: report.runId, taskId: report.taskId }, "a report about an unknown run was dropped");
  }
};

const keepWhatItSays = async (deps: Deps, report: TaskReport): Promise<void> => {
  const { runId, target, index } = report;
  if (report.kind === "failed") return;
  const progress = report.kind === "working" ? report.progress : undefined;
  if (progress !== undefined) await deps.store.putAll([{ key: progressKey(runId, target, index), body: progress }]);
  if (report.kind !== "completed") return;
  const { result } = report;
  if (result.kind === "reclaim") {
    await markDeleted(deps, report.siteId, result.deleted);
    await adoptGroups(deps, report.siteId, result.present);
  }
  if (result.kind === "transfer") {
    await deps.store.putAll([{ key: progressKey(runId, target, index), body: result.progress }]);
  }
  await putFacts(deps, report, result);
};

const eventOf = (report: TaskReport): RunEvent => {
  const { target, step, index, attempt } = report;
  const about = { target, step, index, attempt };
  switch (report.kind) {
    case "working":
      return { type: "working", ...about };
    case "completed":
      return { type: "completed", ...about };
    case "failed": {
      const { reason, retryable, progressed } = report;
      return { type: "failed", ...about, reason, retryable, progressed };
    }
  }
};
