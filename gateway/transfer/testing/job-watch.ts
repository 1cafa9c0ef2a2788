import type { JobWatch } from "../threads/serve-jobs.ts";

/** Whoever a job is done for, outside of a thread. */
export const watchOf = (signal: AbortSignal = new AbortController().signal): JobWatch => ({
  signal,
  step: () => {
    signal.throwIfAborted();
    return undefined;
  },
});
