import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SiteId } from "../../core/api/ids.ts";
import { type SiteQueue, siteQueueName } from "../../core/api/queues.ts";
import type { Log } from "../log.ts";
import { systemTime, type Time } from "../time.ts";
import { queueAddress } from "./queueaddress.ts";
import { pollSecondsMax } from "./sqsclient.ts";
import type { TaskMessage, TaskSource } from "./tasksource.ts";

/** SQS gives ten messages at most at once. */
const messagesMax = 10;

const taskMessage = ({ MessageId, ReceiptHandle, Body }: Message): TaskMessage => {
  if (MessageId === undefined || ReceiptHandle === undefined) {
    throw new Error("the queue gave a message without an id or a receipt");
  }
  return { messageId: MessageId, receipt: ReceiptHandle, body: Body ?? "" };
};

/** One of the site's queues in SQS, `<prefix>-<queue>-<site>`. It waits for a queue that is not there yet. */
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
  const changeVisibility = (receipt: string, seconds: number) =>
    queue.use(async (QueueUrl) => {
      const input = { QueueUrl, ReceiptHandle: receipt, VisibilityTimeout: seconds };
      await client.send(new ChangeMessageVisibilityCommand(input));
    });

  return {
    async receive({ max, waitSeconds, visibilitySeconds, signal, onMoved = () => undefined }) {
      await queue.wait(signal, onMoved);
      if (signal.aborted) return [];
      const { Messages = [] } = await queue.use((QueueUrl) =>
        client.send(
          new ReceiveMessageCommand({
            QueueUrl,
            MaxNumberOfMessages: Math.min(max, messagesMax),
            WaitTimeSeconds: Math.min(waitSeconds, pollSecondsMax),
            VisibilityTimeout: visibilitySeconds,
          }),
        ),
      );
      return Messages.map(taskMessage);
    },
    extend: (receipt, seconds) => changeVisibility(receipt, seconds),
    release: (receipt) => changeVisibility(receipt, 0),
    remove: (receipt) =>
      queue.use(async (QueueUrl) => {
        await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receipt }));
      }),
  };
};
