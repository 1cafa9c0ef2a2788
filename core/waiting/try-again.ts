import type { Waiting } from "../ports/waiting.ts";
import { type Backoff, backoff } from "./backoff.ts";

/** How often something is tried, and how long is waited in between. */
export interface Tries {
  /** With the first. */
  readonly triesMax: number;
  readonly backoffMs: Backoff;
  readonly time: Waiting;
  /** A number in [0, 1), for jitter. */
  readonly fraction: () => number;
  /** Ends the waiting: who waits then gets one last try, at once. */
  readonly signal?: AbortSignal;
}

const never = new AbortController().signal;

/**
 * Calls `work` until it succeeds, as often as another try is allowed and may help.
 * @param work is given what went wrong the last time
 * @throws what the last try threw
 */
export const tryAgain = async <T>(
  options: Tries & {
    readonly mayHelp: (failure: unknown) => boolean;
    /** Hears of each failure that another try follows, and how many tries there were. */
    readonly onFailure?: (failure: unknown, tries: number) => void;
  },
  work: (lastFailure: unknown) => Promise<T>,
): Promise<T> => {
  const { triesMax, backoffMs, time, fraction, mayHelp, onFailure, signal = never } = options;
  let lastFailure: unknown;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work(lastFailure);
    } catch (failure) {
      if (tries >= triesMax || signal.aborted || !mayHelp(failure)) throw failure;
      lastFailure = failure;
    }
    onFailure?.(lastFailure, tries);
    await time.sleep(backoff(backoffMs, tries, fraction()), signal);
  }
};
