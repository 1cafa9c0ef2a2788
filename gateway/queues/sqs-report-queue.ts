import { SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { sendableText } from "../../core/api/message.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import { senderOf } from "../../core/api/report.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import { tryAgain } from "../../core/waiting/try-again.ts";
import type { Log } from "../log/log.ts";
import { systemTime, type Time } from "../time/time.ts";
import { inBatches } from "./batches.ts";
import { queueAddress } from "./queue-address.ts";

const tries = { triesMax: 8, backoffMs: { first: 200, max: 5_000, jitter: 0.5 }, fraction: Math.random };

/**
 * The reports queue in SQS, `<prefix>-reports`. Reports that are sent at the same time go together.
 * One that can't be sent is tried 8 times in all, with back-off, in some 20 s and the requests' own
 * limits; then the last failure is thrown. `signal` ends the retries. One that is too large isn't
 * tried at all: MESSAGE_TOO_LARGE.
 */
export const createSqsReportQueue = (options: {
  readonly client: SQSClient;
  readonly prefix: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly time?: Time;
}): ReportQueue => {
  const { client, prefix, log, signal, time = systemTime } = options;
  const queue = queueAddress({ client, name: reportQueueName(prefix), time, log });
  const sendOnce = inBatches<{ readonly MessageBody: string; readonly MessageGroupId: string }>(
    (messages) =>
      queue.use(async (QueueUrl) => {
        const Entries = messages.map((message, index) => ({ Id: index.toString(), ...message }));
        const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
        return Failed;
      }),
    ({ MessageBody }) => MessageBody.length,
  );

  return {
    async send(report) {
      const MessageBody = sendableText(
        report,
        "taskId" in report ? `The report of the task ${report.taskId}` : "The report",
      );
      const onFailure = (err: unknown, attempt: number) =>
        log.warn({ err, queue: queue.name, report: report.kind, attempt }, "could not send a report; retrying");
      await tryAgain({ ...tries, time, signal, mayHelp: () => true, onFailure }, () =>
        sendOnce({ MessageBody, MessageGroupId: senderOf(report).siteId }),
      );
    },
  };
};
