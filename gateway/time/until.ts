import type { Time } from "./time.ts";

/**
 * Asks again until it is so, for what has no event of its own.
 * @param options.time one that nobody sets
 * @returns whether it was within `withinMs`, and before the signal was aborted
 * @throws what `isSo` throws
 */
export const until = async (
  isSo: () => Promise<boolean>,
  options: {
    readonly everyMs: number;
    readonly withinMs: number;
    readonly time: Time;
    readonly signal: AbortSignal;
  },
): Promise<boolean> => {
  const { everyMs, withinMs, time, signal } = options;
  for (const endMs = time.nowMs() + withinMs; !signal.aborted; ) {
    if (await isSo()) return true;
    if (time.nowMs() >= endMs) return false;
    await time.sleep(everyMs, signal);
  }
  return false;
};
