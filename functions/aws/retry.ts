import { setTimeout } from "node:timers/promises";

/** How to try again: what tests replace. */
export interface Pacing {
  /** Tries in all, the first one too. */
  readonly attempts: number;
  sleep(milliseconds: number): Promise<void>;
  /** A number in [0, 1). */
  fraction(): number;
}

/** Six tries with waits of up to 50, 100, … 800 ms: 1.6 s at most. */
export const defaultPacing: Pacing = {
  attempts: 6,
  sleep: async (milliseconds) => {
    await setTimeout(milliseconds);
  },
  fraction: Math.random,
};

/**
 * The wait before try `attempt` + 1: exponential with full jitter, from 0 to 50 ms after the first try, 2 s at most
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export const backoffMilliseconds = (attempt: number, fraction: number): number =>
  Math.min(2_000, 50 * 2 ** (attempt - 1)) * fraction;

/** Calls `action` until it does not throw, as long as `isRetryable` and the tries last; throws its last error. */
export const withRetries = async <T>(
  pacing: Pacing,
  isRetryable: (error: unknown) => boolean,
  action: () => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (attempt >= pacing.attempts || !isRetryable(error)) throw error;
    }
    await pacing.sleep(backoffMilliseconds(attempt, pacing.fraction()));
  }
};
