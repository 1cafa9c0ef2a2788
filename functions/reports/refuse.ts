import { type Report, senderOf } from "../../core/api/report.ts";
import type { Refusal } from "../../core/run/refusal.ts";
import type { Deps } from "../ports/deps.ts";

/** Says that a report does not count. Nothing else becomes of it. */
export const refuseReport = async (deps: Pick<Deps, "log">, report: Report, code: Refusal): Promise<void> => {
  const fields = { code, kind: report.kind, ...senderOf(report), ...taskOf(report) };
  // Queues bring copies, and tasks that are sent again are done again.
  if (code === "TASK_ANSWERED") deps.log.info(fields, "a report about a task that was answered before was dropped");
  else deps.log.warn(fields, "a report was refused");
};

const taskOf = (report: Report) =>
  report.kind === "alive" || report.kind === "inventory"
    ? {}
    : { taskId: report.taskId, runId: report.runId, target: report.target, step: report.step, index: report.index };
