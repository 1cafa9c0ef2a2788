import assert from "node:assert/strict";
import type { Message, SQSClient } from "@aws-sdk/client-sqs";
import { DeleteMessageBatchCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { Waiting } from "../../../core/ports/waiting.ts";
import { backoff } from "../../../core/waiting/backoff.ts";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "../../../functions/aws/lambda-events.ts";
import type { Log } from "../../../functions/ports/deps.ts";
import { systemTime } from "../../../gateway/time/time.ts";

export interface PollQueueOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Messages of one call, 1 to 10. */
  readonly batchSize: number;
  readonly handler: (event: SQSEvent) => Promise<SQSBatchResponse>;
  /** Calls that may go on at once; 1 unless given. */
  readonly concurrency?: number;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The waits between failures; replaced in tests. */
  readonly sleep?: Waiting["sleep"];
}

/** How long one receive waits: as long as SQS lets it. */
const waitSeconds = 20;
const batchBackoffMs = { first: 100, max: 5_000, jitter: 0.5 };

const recordOf = (queueUrl: string, message: Message): SQSRecord => {
  const { MessageId, ReceiptHandle, Body, MD5OfBody = "", Attributes = {} } = message;
  assert(MessageId !== undefined && ReceiptHandle !== undefined && Body !== undefined, "a message without its parts");
  const queueName = new URL(queueUrl).pathname.split("/").at(-1);
  return {
    messageId: MessageId,
    receiptHandle: ReceiptHandle,
    body: Body,
    attributes: {
      ApproximateReceiveCount: Attributes.ApproximateReceiveCount ?? "1",
      SentTimestamp: Attributes.SentTimestamp ?? "0",
      SenderId: Attributes.SenderId ?? "",
      ...(Attributes.MessageGroupId === undefined ? {} : { MessageGroupId: Attributes.MessageGroupId }),
      ApproximateFirstReceiveTimestamp: Attributes.ApproximateFirstReceiveTimestamp ?? "0",
    },
    messageAttributes: {},
    md5OfBody: MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:${queueName}`,
    awsRegion: "us-east-1",
  };
};

const receive = async (options: PollQueueOptions): Promise<readonly SQSRecord[]> => {
  const { client, queueUrl, batchSize, signal } = options;
  const command = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: batchSize,
    WaitTimeSeconds: waitSeconds,
    MessageSystemAttributeNames: ["All"],
  });
  try {
    const { Messages = [] } = await client.send(command, { abortSignal: signal });
    return Messages.map((message) => recordOf(queueUrl, message));
  } catch (error) {
    if (signal.aborted) return [];
    throw error;
  }
};

/**
 * The records to delete. As in Lambda, a failure that names no record of the batch
 * is a failure of all.
 */
const succeeded = (records: readonly SQSRecord[], { batchItemFailures }: SQSBatchResponse): readonly SQSRecord[] => {
  const failedIds = new Set(batchItemFailures.map((failure) => failure.itemIdentifier));
  const known = new Set(records.map((record) => record.messageId));
  return [...failedIds].every((id) => known.has(id))
    ? records.filter(({ messageId }) => !failedIds.has(messageId))
    : [];
};

const remove = async ({ client, queueUrl }: PollQueueOptions, records: readonly SQSRecord[]): Promise<void> => {
  if (records.length === 0) return;
  const Entries = records.map(({ receiptHandle }, index) => ({ Id: index.toString(), ReceiptHandle: receiptHandle }));
  const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  if (Failed.length > 0) throw new Error(`SQS did not delete ${Failed.length} of ${records.length} messages`);
};

/**
 * Calls a function with a queue's messages as Lambda's event source does: those it does not name as
 * failed are deleted, the others come again after the queue's visibility timeout; so do all when it
 * throws. One receive waits at a time. Ends after the signal, which calls off the receive, once the
 * calls that go on are over. What a receive took that was called off comes again likewise.
 */
export const pollQueue = async (options: PollQueueOptions): Promise<void> => {
  const { batchSize, concurrency = 1, signal, log, sleep = systemTime.sleep } = options;
  assert(batchSize >= 1 && batchSize <= 10, `a batch is of 1 to 10 messages, not ${batchSize}`);
  const calls = new Set<Promise<void>>();
  let failures = 0;

  const waitAfter = async (error: unknown): Promise<void> => {
    failures++;
    log.failed({ err: error, queueUrl: options.queueUrl, failures }, "a batch failed; its messages come again");
    await sleep(backoff(batchBackoffMs, failures, Math.random()), signal);
  };

  const call = async (records: readonly SQSRecord[]): Promise<void> => {
    const response = await options.handler({ Records: records });
    await remove(options, succeeded(records, response));
    failures = 0;
  };

  const receiveAndCall = async (): Promise<void> => {
    const records = await receive(options);
    if (records.length === 0) {
      failures = 0;
      return;
    }
    const tracked = call(records)
      .catch(waitAfter)
      .finally(() => calls.delete(tracked));
    calls.add(tracked);
  };

  while (!signal.aborted) {
    if (calls.size >= concurrency) await Promise.race(calls);
    else await receiveAndCall().catch(waitAfter);
  }
  await Promise.all(calls);
};
