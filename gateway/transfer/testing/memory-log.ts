import { type Failure, failureLevel } from "../../../core/api/failure.ts";
import type { Log } from "../../log/log.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "notice" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

/** A log that keeps its lines. */
export const createMemoryLog = (): Log & { readonly lines: readonly LogLine[] } => {
  const lines: LogLine[] = [];
  const at = (level: LogLine["level"]) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  const log = {
    lines,
    debug: at("debug"),
    info: at("info"),
    failed: (fields: Failure, message: string) => at(failureLevel(fields.err))(fields, message),
    warn: at("warn"),
    error: at("error"),
    child: () => log,
  };
  return log;
};
