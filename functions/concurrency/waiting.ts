import { setTimeout } from "node:timers/promises";
import type { Waiting } from "../../core/ports/waiting.ts";

/** Waits by this process's own timers. */
export const processWaiting: Waiting = {
  sleep: async (ms, signal) => {
    try {
      await setTimeout(ms, undefined, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  },
};
