import type { Log } from "../log/log.ts";
import type { Watch } from "../time/standstill.ts";
import type { Time } from "../time/time.ts";
import { inTime } from "./in-time.ts";

/**
 * Calls `act` every `everySeconds`, counted from the end of the call before unless `sinceMs` is
 * given, until the signal is aborted. A call that fails, or stands still for too long, is logged
 * with what it was for, and the next one comes all the same.
 */
export const repeat = async (
  options: {
    /** By the number of calls that there were, where it is not always the same. */
    readonly everySeconds: number | ((calls: number) => number);
    /** `later`: the first call comes after `everySeconds`. */
    readonly first: "now" | "later";
    /**
     * Calls come so many seconds apart counted from this instant, for all that count from it: what
     * they send goes together. The first wait is shorter then, and at most an eighth longer.
     */
    readonly sinceMs?: number;
    readonly purpose: string;
    readonly time: Time;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
  act: (watch: Watch) => Promise<void>,
): Promise<void> => {
  const { everySeconds, first, sinceMs, purpose, time, log, signal } = options;
  let calls = 0;
  const pauseMs = () => {
    const everyMs = (typeof everySeconds === "number" ? everySeconds : everySeconds(calls)) * 1000;
    return sinceMs === undefined ? everyMs : untilNext(everyMs, time.nowMs() - sinceMs);
  };
  if (first === "later") await time.sleep(pauseMs(), signal);
  while (!signal.aborted) {
    calls += 1;
    try {
      await inTime(purpose, time, act);
    } catch (error) {
      log.failed({ err: error }, `could not ${purpose}; trying again in ${Math.round(pauseMs() / 1000)} s`);
    }
    await time.sleep(pauseMs(), signal);
  }
};

/** To the next multiple that is not too near. A clock that was set back makes it no longer. */
const untilNext = (everyMs: number, elapsedMs: number): number => {
  const leftMs = everyMs - (((elapsedMs % everyMs) + everyMs) % everyMs);
  return leftMs < everyMs / 8 ? leftMs + everyMs : leftMs;
};
