import type { QueueDefinition } from "../../functions/aws/queues.ts";

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
