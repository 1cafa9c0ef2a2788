import type { Log } from "../log/log.ts";
import type { TaskMessage, TaskSource } from "../queues/task-source.ts";
import type { Time } from "../time/time.ts";
import { inTime } from "./in-time.ts";
import { repeat } from "./repeat.ts";
import { agentTimings } from "./timings.ts";

/**
 * `remove`: the work is done. `release`: somebody else may have it at once. `lapse`: somebody may
 * have it in a while.
 */
export type LeaseEnd = "remove" | "release" | "lapse";

/** A message that is kept hidden from the other gateways while it is worked on. */
export interface Lease {
  readonly messageId: string;
  /** The same message came again: its newest receipt is the one that counts. */
  redelivered(receipt: string): void;
  /** Stops renewing and deals with the message; never rejects. Only the first call counts. */
  end(how: LeaseEnd): Promise<void>;
}

/**
 * Renews a message until the lease is ended. A renewal or a removal that fails is logged and no
 * more: at worst somebody else does the task again, and fencing at the data keeps the two apart.
 * The same goes for work of more than 12 hours, the longest that SQS hides a message.
 */
export const holdLease = (options: {
  readonly source: TaskSource;
  readonly message: TaskMessage;
  /** What the renewals of all messages of the queue are counted from. */
  readonly sinceMs: number;
  readonly time: Time;
  readonly log: Log;
}): Lease => {
  const { source, message, sinceMs, time, log } = options;
  const { visibilitySeconds, renewSeconds } = agentTimings;
  const ending = new AbortController();
  let { receipt } = message;
  let ended: Promise<void> | undefined;

  const renewing = repeat(
    {
      everySeconds: renewSeconds,
      first: "later",
      sinceMs,
      purpose: "keep the task's message hidden",
      time,
      log,
      signal: ending.signal,
    },
    () => source.extend(receipt, visibilitySeconds),
  );

  const finish = async (how: LeaseEnd): Promise<void> => {
    ending.abort();
    // A renewal that is still under way would undo a release.
    await renewing;
    if (how === "lapse") return;
    try {
      await inTime(`${how} the task's message`, time, () => source[how](receipt));
    } catch (error) {
      log.failed({ err: error }, `could not ${how} the task's message; it will be delivered again`);
    }
  };

  return {
    messageId: message.messageId,
    redelivered(newest) {
      receipt = newest;
    },
    end(how) {
      ended ??= finish(how);
      return ended;
    },
  };
};
