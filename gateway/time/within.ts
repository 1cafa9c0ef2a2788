import type { Time } from "./time.ts";

/**
 * Waits for `work`, but no longer than `ms`. @returns whether it ended in time. @throws what `work`
 * throws in time
 */
export const within = async (work: Promise<unknown>, ms: number, time: Time): Promise<boolean> => {
  const enough = new AbortController();
  try {
    return await Promise.race([work.then(() => true), time.sleep(ms, enough.signal).then(() => false)]);
  } finally {
    enough.abort();
  }
};
