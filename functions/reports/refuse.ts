import { type Report, senderOf } from "../../core/api/report.ts";
import type { Refusal } from "../../core/run/refusal.ts";
import type { Deps } from "../ports/deps.ts";

/** What becomes of copies, and where the table was set back or a gateway removed, is no defect. */
const levels: Partial<Record<Refusal, "info" | "warn">> = {
  TASK_ANSWERED: "info",
  TASK_NOT_GIVEN: "warn",
  RUN_UNKNOWN: "warn",
  RUN_IS_ANOTHER: "warn",
  SENDER_REMOVED: "warn",
};

/** Says that a report does not count. Nothing else becomes of it. */
export const refuseReport = async (deps: Pick<Deps, "log">, report: Report, code: Refusal): Promise<void> => {
  const fields = { code, kind: report.kind, ...senderOf(report), ...taskOf(report) };
  deps.log[levels[code] ?? "error"](fields, "a report was refused");
};

const taskOf = (report: Report) =>
  report.kind === "alive" || report.kind === "inventory"
    ? {}
    : { taskId: report.taskId, runId: report.runId, target: report.target, step: report.step, index: report.index };
