import type { Waiting } from "../../core/ports/waiting.ts";

/** The time and waiting, for what has to be tested without waiting. */
export interface Time extends Waiting {
  /** Milliseconds since 1970. */
  nowMs(): number;
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
