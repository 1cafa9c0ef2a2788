import type { Time } from "../time/time.ts";

/**
 * What was saved up while nobody wanted it, or while this process had other things
 * to do: 100 ms' worth.
 */
const burstSeconds = 0.1;
/**
 * Nobody gets more at once, so that a slow rate is many small steps and no long
 * silences between large ones.
 */
const sliceBytesMax = 64 * 1024;
/** Below this, what the tunnel puts around each slice would be too large a part of it. */
const sliceBytesMin = 1024;
/**
 * Everybody has had a turn by then, however many wait: far less than the silence for
 * which a peer is given up.
 */
const roundSeconds = 60;

/** How fast bytes may leave, all of those together that take from it. */
export interface Throttle {
  /**
   * Waits until some of the bytes may leave, in the order of asking.
   * @returns how many of them: one at least, `bytes` at most
   * @throws the signal's reason
   */
  take(bytes: number, signal: AbortSignal): Promise<number>;
  /** From now on, also for those who wait. Undefined: no limit. */
  setRate(bytesPerSecond: number | undefined): void;
}

interface Waiter {
  readonly bytes: number;
  readonly grant: (bytes: number) => void;
}

/**
 * A token bucket: it fills at the rate and holds `burstSeconds` of it, so the bytes of any period
 * are at most the rate times its length and that much more. It begins empty, and without a limit.
 */
export const createThrottle = (time: Time): Throttle => {
  const waiting: Waiter[] = [];
  let rate: number | undefined;
  let saved = 0;
  let filledAtMs = time.nowMs();
  let serving = false;
  let changed = new AbortController();

  const burst = (perSecond: number): number => Math.max(perSecond * burstSeconds, sliceBytesMin);

  const fill = (): void => {
    const nowMs = time.nowMs();
    // A clock that was set back gives nothing, and one that was set forward no more than a burst.
    const seconds = Math.max(0, nowMs - filledAtMs) / 1000;
    filledAtMs = nowMs;
    if (rate !== undefined) saved = Math.min(saved + seconds * rate, burst(rate));
  };

  /** How much the next in line gets in one go. */
  const sliceOf = (bytes: number): number => {
    if (rate === undefined) return bytes;
    const slice = Math.min(Math.max(rate * burstSeconds, sliceBytesMin), sliceBytesMax);
    const fair = (rate * roundSeconds) / Math.max(waiting.length, 1);
    return Math.min(bytes, Math.max(1, Math.floor(Math.min(slice, fair))));
  };

  /** Takes one slice out of the bucket. @returns 0 when there is not enough in it yet */
  const slice = (bytes: number): number => {
    const wanted = sliceOf(bytes);
    if (rate === undefined) return wanted;
    fill();
    if (saved < wanted) return 0;
    saved -= wanted;
    return wanted;
  };

  const serve = async (): Promise<void> => {
    serving = true;
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      const granted = slice(next.bytes);
      if (granted > 0) {
        waiting.shift();
        next.grant(granted);
      } else if (rate !== undefined) {
        const missingMs = ((sliceOf(next.bytes) - saved) / rate) * 1000;
        await time.sleep(Math.max(1, Math.ceil(missingMs)), changed.signal);
      }
    }
    serving = false;
  };

  const wait = (bytes: number, signal: AbortSignal): Promise<number> =>
    new Promise((resolve, reject) => {
      const waiter = {
        bytes,
        grant: (granted: number) => {
          signal.removeEventListener("abort", giveUp);
          resolve(granted);
        },
      };
      const giveUp = () => {
        waiting.splice(waiting.indexOf(waiter), 1);
        wake();
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      waiting.push(waiter);
      if (!serving) void serve();
    });

  const wake = (): void => {
    changed.abort();
    changed = new AbortController();
  };

  return {
    async take(bytes, signal) {
      signal.throwIfAborted();
      const granted = waiting.length === 0 ? slice(bytes) : 0;
      return granted > 0 ? granted : wait(bytes, signal);
    },
    setRate(bytesPerSecond) {
      fill();
      saved = bytesPerSecond === undefined || rate === undefined ? 0 : Math.min(saved, burst(bytesPerSecond));
      rate = bytesPerSecond;
      wake();
    },
  };
};

/**
 * A chunk in the pieces in which the throttle lets it go. Whoever waits here is not taken for a
 * link that stands still: the tunnel's patience is for the peer, from a piece that was handed over
 * to the next that is asked for (tunnel/upload/watched.ts).
 */
export async function* paced(
  chunk: Uint8Array,
  throttle: Pick<Throttle, "take"> | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  if (throttle === undefined) return yield chunk;
  for (let at = 0; at < chunk.length; ) {
    const bytes = await throttle.take(chunk.length - at, signal);
    yield chunk.subarray(at, at + bytes);
    at += bytes;
  }
}
