/** The time and waiting, for what has to be tested without waiting. */
export interface Time {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /**
   * Resolves after `ms`, or at once when the signal is aborted; never rejects, so a loop looks at
   * the signal itself.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemTime: Time = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
    }),
};

/**
 * Milliseconds that nobody sets, counted from when this process was started: for how long something
 * takes, and for waits.
 */
export const steadyTime: Time = {
  nowMs: () => performance.timeOrigin + performance.now(),
  sleep: systemTime.sleep,
};
