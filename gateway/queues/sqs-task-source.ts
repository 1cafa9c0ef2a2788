import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SiteId } from "../../core/api/ids.ts";
import { type SiteQueue, siteQueueName } from "../../core/api/queues.ts";
import type { Log } from "../log/log.ts";
import { systemTime, type Time } from "../time/time.ts";
import { inBatches } from "./batches.ts";
import { queueAddress } from "./queue-address.ts";
import { pollSecondsMax, pollTimeoutMs } from "./sqs-client.ts";
import type { TaskMessage, TaskSource } from "./task-source.ts";

/** SQS gives ten messages at most at once. */
const messagesMax = 10;

const taskMessage = ({ MessageId, ReceiptHandle, Body }: Message): TaskMessage => {
  if (MessageId === undefined || ReceiptHandle === undefined) {
    throw new Error("the queue gave a message without an id or a receipt");
  }
  return { messageId: MessageId, receipt: ReceiptHandle, body: Body ?? "" };
};

/**
 * One of the site's queues in SQS, `<prefix>-<queue>-<site>`. It waits for a queue
 * that is not there yet.
 */
export const createSqsTaskSource = (options: {
  readonly client: SQSClient;
  readonly prefix: string;
  readonly siteId: SiteId;
  readonly queue: SiteQueue;
  readonly log: Log;
  readonly time?: Time;
}): TaskSource => {
  const { client, prefix, siteId, log, time = systemTime } = options;
  const name = siteQueueName(prefix, siteId, options.queue);
  const queue = queueAddress({ client, name, time, log });
  const changeVisibility = inBatches<{ readonly receipt: string; readonly seconds: number }>((changes) =>
    queue.use(async (QueueUrl) => {
      const Entries = changes.map(({ receipt, seconds }, index) => ({
        ...{ Id: index.toString(), ReceiptHandle: receipt, VisibilityTimeout: seconds },
      }));
      const { Failed = [] } = await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }));
      return Failed;
    }),
  );
  const remove = inBatches<string>((receipts) =>
    queue.use(async (QueueUrl) => {
      const Entries = receipts.map((ReceiptHandle, index) => ({ Id: index.toString(), ReceiptHandle }));
      const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      return Failed;
    }),
  );

  return {
    async receive({ max, waitSeconds, visibilitySeconds, signal, onMoved = () => undefined }) {
      await queue.wait(signal, onMoved);
      if (signal.aborted) return [];
      const asked = {
        MaxNumberOfMessages: Math.min(max, messagesMax),
        WaitTimeSeconds: Math.min(waitSeconds, pollSecondsMax),
        VisibilityTimeout: visibilitySeconds,
      };
      const options = { abortSignal: signal, requestTimeout: pollTimeoutMs };
      try {
        const { Messages = [] } = await queue.use((QueueUrl) =>
          client.send(new ReceiveMessageCommand({ QueueUrl, ...asked }), options),
        );
        return Messages.map(taskMessage);
      } catch (error) {
        if (signal.aborted) return [];
        throw error;
      }
    },
    extend: (receipt, seconds) => changeVisibility({ receipt, seconds }),
    release: (receipt) => changeVisibility({ receipt, seconds: 0 }),
    remove,
  };
};
