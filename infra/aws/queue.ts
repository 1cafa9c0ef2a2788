import type { QueueDefinition } from "../../functions/aws/queues.ts";

/** Messages of one call. */
const batchMax = 10;

/**
 * Gives a queue's messages to a function, in so many calls at once at most (concurrency.ts). Some
 * of a batch may fail.
 */
export const consume = (queue: sst.aws.Queue, consumer: sst.aws.Function, maximumConcurrency: number): void => {
  queue.subscribe(consumer.arn, {
    batch: { size: batchMax, partialResponses: true },
    transform: { eventSourceMapping: { scalingConfig: { maximumConcurrency } } },
  });
};

/** A queue as `ensureQueue` makes them for local runs; one without a dead-letter queue is one. */
export const createQueue = (
  id: string,
  name: string,
  definition: QueueDefinition,
  deadLetters?: sst.aws.Queue,
): sst.aws.Queue =>
  new sst.aws.Queue(id, {
    visibilityTimeout: `${definition.visibilityTimeoutSeconds} seconds`,
    ...(deadLetters && { dlq: { queue: deadLetters.arn, retry: definition.maxReceiveCount } }),
    transform: {
      queue: {
        name,
        messageRetentionSeconds: definition.retentionSeconds,
        maxMessageSize: definition.messageBytesMax,
      },
    },
  });
