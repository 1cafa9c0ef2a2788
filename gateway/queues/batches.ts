import { messageBytesMax } from "../../core/api/message.ts";

/**
 * SQS's limits of one batch: so many entries, and together as many bytes as one message may have.
 */
const entriesMax = 10;

/** One that is not taken is an entry of `failed`, by its place among the items. */
export type SendBatch<T> = (items: readonly T[]) => Promise<readonly BatchFailure[]>;

/** An entry of a batch's answer, as SQS has it. */
export interface BatchFailure {
  readonly Id?: string | undefined;
  readonly Code?: string | undefined;
  readonly Message?: string | undefined;
}

interface Waiting<T> {
  readonly item: T;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const errorOf = ({ Code, Message }: BatchFailure): Error =>
  Object.assign(new Error(Message ?? Code ?? "the queue did not take it"), Code === undefined ? {} : { name: Code });

/**
 * Calls `send` with what is asked for, one batch at a time: at once when nothing is under way, and
 * else with all that has come meanwhile. So nobody waits for others to come, and under load ten go
 * together. What waits here is what callers wait for.
 * @param bytesOf how much of a batch an item takes; nothing worth counting without it
 * @returns a call settles by what became of its own item: it rejects with what `send` throws, and
 *   with what the queue says of the item
 */
export const inBatches = <T>(
  send: SendBatch<T>,
  bytesOf: (item: T) => number = () => 0,
): ((item: T) => Promise<void>) => {
  let waiting: Waiting<T>[] = [];
  let isSending = false;

  const next = (): readonly Waiting<T>[] => {
    let bytes = 0;
    let count = 0;
    for (const { item } of waiting.slice(0, entriesMax)) {
      bytes += bytesOf(item);
      if (count > 0 && bytes > messageBytesMax) break;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };

  const sendOne = async (batch: readonly Waiting<T>[]): Promise<void> => {
    try {
      const failed = await send(batch.map(({ item }) => item));
      const failures = new Map(failed.map((failure) => [failure.Id, failure]));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const failure = failures.get(index.toString());
        if (failure === undefined) resolve();
        else reject(errorOf(failure));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };

  const sendAll = async (): Promise<void> => {
    isSending = true;
    // What is asked for in the same breath goes together.
    await Promise.resolve();
    while (waiting.length > 0) await sendOne(next());
    isSending = false;
  };

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!isSending) void sendAll();
    });
};
