import type { Clock } from "../../../core/ports/clock.ts";
import { secondsBetween } from "../../../core/ports/clock.ts";
import type { Log } from "../../../functions/deps.ts";
import type { DueSoon } from "./due-soon.ts";
import type { Sleep } from "./sleep.ts";
import { sleepUntilAborted } from "./sleep.ts";

export interface InvokeWhenDueOptions {
  readonly due: DueSoon;
  /** @returns whether something was due: there may be more then */
  readonly handler: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly sleep?: Sleep;
}

const pauseMs = 1_000;
/** As often as on AWS. */
const everyMs = 60_000;
/** So long after its start it does not wait for more than a pause: the process before wrote down what is due soon. */
const watchfulSeconds = 60;

/**
 * Calls the sweep when something comes due that this process has written, within a second, and every second as long as something
 * was due; every minute all the same, and every second in the first one. A call that throws is logged. Ends after the signal, once
 * the call that goes on is over.
 */
export const invokeWhenDue = async (options: InvokeWhenDueOptions): Promise<void> => {
  const { due, handler, clock, signal, log, sleep = sleepUntilAborted } = options;
  const startedAt = clock.now();
  while (!signal.aborted) {
    due.looked();
    let isMore = true;
    try {
      isMore = await handler();
    } catch (error) {
      log.warn({ err: error }, "a periodic call failed; the next comes in a second");
    }
    await sleep(pauseMs, signal);
    const isWatchful = secondsBetween(startedAt, clock.now()) < watchfulSeconds;
    if (!isWatchful && !isMore) await due.wait(everyMs - pauseMs, { signal, sleep });
  }
};
