import { type ErrorCode, VisibleError } from "../../core/api/errors.ts";
import type { Log } from "../log/log.ts";
import { backoffMs } from "../queues/backoff.ts";
import type { Time } from "../time/time.ts";

/** A first try and two quick ones. What lasts longer is for the control plane, which gives the whole task another try. */
const triesMax = 3;

const passing = new Set<ErrorCode>(["LINK_BROKEN", "TIMEOUT", "INTERNAL", "FRAME_INVALID", "CHECKSUM_MISMATCH"]);

/** What came was not what had been sent, what was written not what had come, or what was there is damaged. */
export const isDamage = (error: unknown): boolean =>
  VisibleError.is(error, "CHECKSUM_MISMATCH") ||
  VisibleError.is(error, "FRAME_INVALID") ||
  VisibleError.is(error, "STORE_CORRUPT");

/**
 * Calls `work` until it does not fail in a way that may pass by itself, a few times at most, a few seconds apart.
 * `work` is given what went wrong the last time. @throws what the last try threw, the signal's reason
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
  const { purpose, time, log, signal, mayHelp = () => false } = options;
  let lastError: unknown;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(lastError);
    } catch (error) {
      signal.throwIfAborted();
      if (attempt === triesMax || !VisibleError.is(error) || !(passing.has(error.code) || mayHelp(error))) throw error;
      log.failed({ err: error, quickTry: attempt }, `could not ${purpose}; trying again`);
      lastError = error;
      await time.sleep(backoffMs(attempt, { firstMs: 250, maxMs: 5_000 }), signal);
      signal.throwIfAborted();
    }
  }
};
