import { type ErrorCode, VisibleError } from "../../core/api/errors.ts";
import { tryAgain } from "../../core/waiting/try-again.ts";
import type { Log } from "../log/log.ts";
import type { Time } from "../time/time.ts";

/**
 * A first try and two quick ones. What lasts longer is for the control plane, which gives the
 * whole task another try.
 */
const tries = { triesMax: 3, backoffMs: { first: 250, max: 5_000, jitter: 0.5 }, fraction: Math.random };

const passing = new Set<ErrorCode>(["LINK_BROKEN", "TIMEOUT", "INTERNAL", "FRAME_INVALID", "CHECKSUM_MISMATCH"]);

/**
 * What came was not what had been sent, what was written not what had come, or what
 * was there is damaged.
 */
export const isDamage = (error: unknown): boolean =>
  VisibleError.is(error, "CHECKSUM_MISMATCH") ||
  VisibleError.is(error, "FRAME_INVALID") ||
  VisibleError.is(error, "STORE_CORRUPT");

/**
 * Calls `work` until it does not fail in a way that may pass by itself, a few times at most, a few
 * seconds apart. `work` is given what went wrong the last time.
 * @throws what the last try threw, the signal's reason
 */
export const withQuickTries = async <Result>(
  options: {
    readonly purpose: string;
    readonly time: Time;
    readonly log: Log;
    readonly signal: AbortSignal;
    /** Whether another try may succeed although the failure does not pass by itself. */
    readonly mayHelp?: (error: VisibleError) => boolean;
  },
  work: (lastError: unknown) => Promise<Result>,
): Promise<Result> => {
  const { purpose, time, log, signal } = options;
  const mayHelp = (error: unknown) =>
    VisibleError.is(error) && (passing.has(error.code) || options.mayHelp?.(error) === true);
  const onFailure = (err: unknown, quickTry: number) =>
    log.failed({ err, quickTry }, `could not ${purpose}; trying again`);
  try {
    return await tryAgain({ ...tries, time, signal, mayHelp, onFailure }, async (lastError) => {
      signal.throwIfAborted();
      return work(lastError);
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
};
