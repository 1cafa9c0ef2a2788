import type { Clock } from "../../../core/ports/clock.ts";
import type { DocumentStore } from "../../../core/ports/store.ts";
import type { Waiting } from "../../../core/ports/waiting.ts";
import type { Log } from "../../../functions/ports/deps.ts";
import { systemTime } from "../../../gateway/time/time.ts";
import { type DueSoon, soonSeconds } from "./due-soon.ts";

export interface InvokeWhenDueOptions {
  readonly store: Pick<DocumentStore, "due">;
  /** Knows what this process writes into the store. */
  readonly due: DueSoon;
  /** @returns whether something was due: there may be more then */
  readonly handler: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly sleep?: Waiting["sleep"];
}

const pauseMs = 1_000;
/** Before what was not looked for the last time can be due. */
const readEveryMs = soonSeconds * 1_000 - 60_000;

/**
 * Calls the sweep when something comes due, within a second, and every second as long as something
 * was due; every four minutes all the same. A call that throws is logged. Ends after the signal,
 * once the call that goes on is over.
 */
export const invokeWhenDue = async (options: InvokeWhenDueOptions): Promise<void> => {
  const { store, due, handler, clock, signal, log, sleep = systemTime.sleep } = options;
  const nowMs = () => Date.parse(clock.now());
  let readAtMs = Number.NEGATIVE_INFINITY;

  /** @returns whether there may be more */
  const call = async (): Promise<boolean> => {
    const startedMs = nowMs();
    due.looked();
    try {
      // First, or what comes due while the handler runs would be seen by neither.
      if (startedMs - readAtMs >= readEveryMs || startedMs < readAtMs) {
        await due.read(store);
        readAtMs = startedMs;
      }
      return await handler();
    } catch (error) {
      log.failed({ err: error }, "a periodic call failed; the next comes in a second");
      return true;
    }
  };

  while (!signal.aborted) {
    const isMore = await call();
    await sleep(pauseMs, signal);
    const untilReadMs = Math.min(readEveryMs, Math.max(0, readAtMs + readEveryMs - nowMs()));
    if (!isMore) await due.wait(untilReadMs, { signal, sleep });
  }
};
