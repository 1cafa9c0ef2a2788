import type { Tries } from "../../core/waiting/try-again.ts";
import { processWaiting } from "../concurrency/waiting.ts";

/** Six tries with waits of up to 50, 100, … 800 ms: 1.6 s at most. */
export const usualTries: Tries = {
  triesMax: 6,
  backoffMs: { first: 50, max: 2_000, jitter: 1 },
  time: processWaiting,
  fraction: Math.random,
};
