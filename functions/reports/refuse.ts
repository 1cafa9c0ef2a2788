import type { Actor } from "../../core/api/audit.ts";
import { isAboutTask, type Report, senderOf } from "../../core/api/report.ts";
import type { ReportRefusal } from "../../core/run/refusal.ts";
import { auditRefusal } from "../audit/refusals.ts";
import type { Deps } from "../ports/deps.ts";

/** What becomes of copies, and where the table was set back or a gateway removed, is no defect. */
const levels: Partial<Record<ReportRefusal, "info" | "warn">> = {
  TASK_ANSWERED: "info",
  TASK_NOT_GIVEN: "warn",
  RUN_UNKNOWN: "warn",
  RUN_IS_ANOTHER: "warn",
  SENDER_REMOVED: "warn",
};

/** Says in the log and in the audit trail that a report does not count. */
export const refuseReport = async (
  deps: Pick<Deps, "log" | "store" | "clock">,
  report: Report,
  code: ReportRefusal,
): Promise<void> => {
  const { kind } = report;
  const sender = senderOf(report);
  const task = taskOf(report);
  const level = levels[code] ?? "error";
  deps.log[level]({ code, kind, ...sender, ...task }, "a report was refused");
  if (level === "info") return;
  const actor: Actor = code === "SENDER_IS_ANOTHER" ? { kind: "stranger" } : { kind: "gateway", ...sender };
  const requestId = "taskId" in task ? task.taskId : kind;
  await auditRefusal(deps, { actor, code, method: "REPORT", path: kind, requestId });
};

const taskOf = (report: Report) =>
  isAboutTask(report)
    ? { taskId: report.taskId, runId: report.runId, target: report.target, step: report.step, index: report.index }
    : {};
