import { GetQueueUrlCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { backoff } from "../../core/waiting/backoff.ts";
import type { Log } from "../log/log.ts";
import type { Time } from "../time/time.ts";

const missingBackoffMs = { first: 1_000, max: 10_000, jitter: 0.5 };

const missingNames: ReadonlySet<string> = new Set(["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"]);

/** Whether the call failed because there is no such queue (yet, or any more). */
export const isMissingQueue = (error: unknown): boolean => error instanceof Error && missingNames.has(error.name);

/**
 * A queue known by its name; its URL is looked up when it is first needed, and again after the
 * queue was gone.
 */
export interface QueueAddress {
  readonly name: string;
  /** Calls `act` with the queue's URL. Throws what `act` and the look-up throw. */
  use<T>(act: (url: string) => Promise<T>): Promise<T>;
  /**
   * Resolves when the queue exists, or the signal is aborted. Throws what the
   * look-up throws otherwise.
   * @param onMoved called when it was looked for in vain
   */
  wait(signal: AbortSignal, onMoved: () => void): Promise<void>;
}

export const queueAddress = (options: {
  readonly client: SQSClient;
  readonly name: string;
  readonly time: Time;
  readonly log: Log;
}): QueueAddress => {
  const { client, name, time, log } = options;
  let known: string | undefined;

  const lookUp = async (): Promise<string> => {
    if (known !== undefined) return known;
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }));
    if (QueueUrl === undefined) throw new Error(`the answer to GetQueueUrl of ${name} has no URL`);
    known = QueueUrl;
    return QueueUrl;
  };

  const exists = async (): Promise<boolean> => {
    try {
      await lookUp();
      return true;
    } catch (error) {
      if (isMissingQueue(error)) return false;
      throw error;
    }
  };

  return {
    name,
    async use(act) {
      try {
        return await act(await lookUp());
      } catch (error) {
        if (isMissingQueue(error)) known = undefined;
        throw error;
      }
    },
    async wait(signal, onMoved) {
      for (let attempt = 1; !signal.aborted && !(await exists()); attempt++) {
        onMoved();
        log.warn({ queue: name }, "the queue does not exist yet; waiting until the site is registered");
        await time.sleep(backoff(missingBackoffMs, attempt, Math.random()), signal);
      }
    },
  };
};
