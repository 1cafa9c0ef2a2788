import { setInterval } from "node:timers/promises";
import type { Log } from "../../../functions/ports/deps.ts";

export interface InvokeEveryOptions {
  readonly seconds: number;
  readonly handler: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Beats until the signal; replaced in tests. */
  readonly beats?: (milliseconds: number, signal: AbortSignal) => AsyncIterable<unknown>;
}

const timerBeats = (milliseconds: number, signal: AbortSignal): AsyncIterable<unknown> =>
  setInterval(milliseconds, undefined, { signal });

/**
 * Calls a function at once and then every so many seconds, never twice at a time, as a `rate()`
 * schedule does. A call that throws is logged; the next comes at its time. Ends after the signal,
 * once the call that goes on is over.
 */
export const invokeEvery = async ({
  seconds,
  handler,
  signal,
  log,
  beats = timerBeats,
}: InvokeEveryOptions): Promise<void> => {
  const call = async () => {
    try {
      await handler();
    } catch (error) {
      log.failed({ err: error }, "a periodic call failed; the next comes at its time");
    }
  };
  if (signal.aborted) return;
  await call();
  try {
    for await (const _ of beats(seconds * 1000, signal)) await call();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};
