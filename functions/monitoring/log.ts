import { type DestinationStream, pino } from "pino";
import { describedError, failureLevel } from "../../core/api/failure.ts";
import { printableJson } from "../../core/api/name.ts";
import type { Log } from "../ports/deps.ts";

/** Between pino's `info` and `warn`. */
const noticeLevel = 35;

/**
 * The functions' log: pino's JSON lines, each with what is in `base`.
 * @param destination standard output unless given
 */
export const createLog = (base: object, destination?: DestinationStream): Log => {
  const options = {
    base,
    customLevels: { notice: noticeLevel },
    serializers: { err: describedError },
    hooks: { streamWrite: printableJson },
  };
  const logger = destination === undefined ? pino(options) : pino(options, destination);
  return {
    info: (fields, message) => logger.info(fields, message),
    failed: (fields, message) => logger[failureLevel(fields.err)](fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
};
