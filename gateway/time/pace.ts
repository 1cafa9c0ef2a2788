import type { Time } from "./time.ts";

/**
 * What a session must bring, on average, while it is awaited. A line of 56 kbit/s that a hundred
 * sessions share is faster, and so is the lowest limit that a site may have, 16 KiB/s, shared by
 * 250.
 */
export const bytesPerSecondMin = 64;
/** The grace is counted in so many steps. */
const steps = 12;

export interface SessionPace {
  /**
   * How long it may bring nothing; what it brings makes up for that. More than the largest buffer
   * on the way takes to empty, for buffers make a slow line one that stands and leaps.
   */
  readonly graceSeconds: number;
  /** What it has brought so far. */
  readonly bytes: () => number;
  /**
   * Whether the other end is the one who may be slow: waiting for our own limits is not counted.
   */
  readonly isAwaited: () => boolean;
  readonly time: Pick<Time, "sleep">;
}

/**
 * Waits until a session has fallen behind the slowest pace by more than its grace. It counts steps
 * and looks at no clock.
 * @returns false when the signal is aborted first
 */
export const fallsBehind = async (pace: SessionPace, signal: AbortSignal): Promise<boolean> => {
  const { graceSeconds, bytes, isAwaited, time } = pace;
  const stepSeconds = graceSeconds / steps;
  let before = bytes();
  let leftSeconds = graceSeconds;
  while (leftSeconds > 0) {
    await time.sleep(stepSeconds * 1000, signal);
    if (signal.aborted) return false;
    const now = bytes();
    const spentSeconds = isAwaited() ? stepSeconds : 0;
    leftSeconds = Math.min(graceSeconds, leftSeconds - spentSeconds + (now - before) / bytesPerSecondMin);
    before = now;
  }
  return true;
};
