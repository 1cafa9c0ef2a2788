import type { Log } from "../log.ts";
import type { Watch } from "../standstill.ts";
import type { Time } from "../time.ts";
import { inTime } from "./in-time.ts";

/**
 * Calls `act` every `everySeconds`, counted from the end of the call before, until the signal is
 * aborted. A call that fails, or stands still for too long, is logged with what it was for, and the
 * next one comes all the same.
 */
export const repeat = async (
  options: {
    readonly everySeconds: number;
    /** `later`: the first call comes after `everySeconds`. */
    readonly first: "now" | "later";
    readonly purpose: string;
    readonly time: Time;
    readonly log: Log;
    readonly signal: AbortSignal;
  },
  act: (watch: Watch) => Promise<void>,
): Promise<void> => {
  const { everySeconds, first, purpose, time, log, signal } = options;
  if (first === "later") await time.sleep(everySeconds * 1000, signal);
  while (!signal.aborted) {
    try {
      await inTime(purpose, time, act);
    } catch (error) {
      log.warn({ err: error }, `could not ${purpose}; trying again in ${everySeconds} s`);
    }
    await time.sleep(everySeconds * 1000, signal);
  }
};
