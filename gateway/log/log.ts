import { type DestinationStream, type Logger, pino } from "pino";
import { describedError, type Failure, failureLevel } from "../../core/api/failure.ts";
import { printableJson } from "../../core/api/name.ts";
import { logDestination } from "./destination.ts";

export const logLevels = ["debug", "info", "notice", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Structured logging: one JSON object a line. A child's fields stand on each of its lines. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  /**
   * Something failed and is tried again, or somebody else hears of it: a
   * `notice` with its code where it was to be expected, a `warn` where its disk is behind it, an
   * `error` with its stack where it is a defect.
   */
  failed(fields: Failure, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export interface LogOptions {
  readonly gatewayId: string;
  readonly siteId: string;
  readonly level: LogLevel;
  /** Where the lines go; standard output unless told otherwise. */
  readonly destination?: DestinationStream;
}

/** Between pino's `info` and `warn`. */
const noticeLevel = 35;

const secretName = /key$|token|authorization|password|passphrase|secret|credential|cookie/i;
const depthMax = 8;

/**
 * The value as a log may show it: fields that are named like secrets are covered, and
 * errors are plain objects.
 */
const censored = (value: unknown, depth = 0): unknown => {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (depth >= depthMax) return "…";
  if (value instanceof Error) return censored(describedError(value), depth);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (Array.isArray(value)) return value.map((item) => censored(item, depth + 1));
  if (value instanceof Date || value instanceof URL) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name,
      secretName.test(name) ? "[redacted]" : censored(field, depth + 1),
    ]),
  );
};

const covered = (fields: object): object => censored(fields) as object;

const over = (logger: Logger<"notice">): Log => {
  const at = (level: LogLevel) => (fields: object, message: string) => {
    if (logger.isLevelEnabled(level)) logger[level](covered(fields), message);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    failed: (fields, message) => at(failureLevel(fields.err))(fields, message),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => over(logger.child(covered(fields))),
  };
};

/**
 * The gateway's log: pino's JSON lines, each with the gateway's and the site's id. Whatever is
 * named like a key, a token or an authorization is covered, however deep it lies.
 */
export const createLog = ({ gatewayId, siteId, level, destination }: LogOptions): Log => {
  const options = {
    level,
    customLevels: { notice: noticeLevel },
    hooks: { streamWrite: printableJson },
    base: { gatewayId, siteId },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // Errors are plain objects by the time pino sees them; its own serializer would take
    // their causes apart again.
    serializers: { err: (error: unknown) => error },
  };
  return over(pino(options, destination ?? logDestination(1)));
};

/** What a log line says of a task. */
export const taskFields = (task: {
  readonly id: string;
  readonly kind: string;
  readonly planId?: string;
  readonly runId?: string;
  readonly target?: string;
  readonly attempt?: number;
}): object => ({
  task: task.id,
  kind: task.kind,
  ...(task.planId !== undefined && { plan: task.planId }),
  ...(task.runId !== undefined && { run: task.runId }),
  ...(task.target !== undefined && { target: task.target }),
  ...(task.attempt !== undefined && { attempt: task.attempt }),
});
