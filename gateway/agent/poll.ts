import { backoff } from "../../core/waiting/backoff.ts";
import type { Log } from "../log/log.ts";
import type { TaskMessage, TaskSource } from "../queues/task-source.ts";
import type { Time } from "../time/time.ts";
import { inTime } from "./in-time.ts";
import { agentTimings } from "./timings.ts";

/** One poll brings no more than that. */
const messagesMax = 10;

/** Whoever deals with a queue's messages. */
export interface Taker {
  /** How many it deals with now, of those that take a place. */
  readonly count: number;
  /** It deals with none, whether that takes a place or not. */
  readonly isIdle: boolean;
  /**
   * Takes a message that was received: begins with its task, or knows it already.
   * @returns false when it has no room for it now: then it comes again by itself
   */
  accept(message: TaskMessage): boolean;
  /** Resolves when it is done with one of them; there must be one. */
  oneEnded(): Promise<void>;
}

/**
 * Takes messages off one queue while there is room for more, until the signal, which calls off a
 * poll that is under way; what it brings all the same is given back.
 */
export const pollQueue = async (options: {
  readonly source: TaskSource;
  /** So many messages are dealt with at the same time. */
  readonly concurrency: number;
  readonly tasks: Taker;
  readonly time: Time;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { source, concurrency, tasks, time, log, signal } = options;
  const release = async ({ receipt, messageId }: TaskMessage): Promise<void> => {
    try {
      await inTime("give back a message", time, () => source.release(receipt));
    } catch (error) {
      log.failed({ err: error, messageId }, "could not give back a message; it comes again by itself");
    }
  };

  /** What comes after nobody waits for it any more is given back. */
  const receive = () =>
    inTime(
      "ask for tasks",
      time,
      (watch) =>
        source.receive({
          max: Math.min(messagesMax, concurrency - tasks.count),
          waitSeconds: tasks.isIdle ? agentTimings.pollSeconds : agentTimings.pollSecondsAtWork,
          visibilitySeconds: agentTimings.takenSeconds,
          signal: AbortSignal.any([signal, watch.signal]),
          onMoved: watch.onMoved,
        }),
      (late) => void late.then((messages) => Promise.all(messages.map(release))).catch(() => undefined),
    );

  const receiveOrWait = async (failures: number): Promise<readonly TaskMessage[] | undefined> => {
    try {
      return await receive();
    } catch (error) {
      const waitMs = backoff(agentTimings.pollBackoffMs, failures + 1, Math.random());
      log.failed({ err: error, waitMs: Math.round(waitMs) }, "could not ask for tasks; trying again");
      await time.sleep(waitMs, signal);
      return undefined;
    }
  };

  /** @returns false when none of them was taken */
  const acceptSome = (messages: readonly TaskMessage[]): boolean => {
    const taken = messages.filter((message) => tasks.accept(message));
    if (taken.length < messages.length) log.debug({ messages: messages.length - taken.length }, "tasks passed over");
    return messages.length === 0 || taken.length > 0;
  };

  let failures = 0;
  while (!signal.aborted) {
    if (tasks.count >= concurrency) {
      await tasks.oneEnded();
      continue;
    }
    const messages = await receiveOrWait(failures);
    failures = messages === undefined ? failures + 1 : 0;
    if (signal.aborted) await Promise.all((messages ?? []).map(release));
    else if (!acceptSome(messages ?? [])) await time.sleep(agentTimings.passedOverMs, signal);
  }
};
