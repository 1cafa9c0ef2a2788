import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { sendableText } from "../../core/api/message.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import { senderOf } from "../../core/api/report.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import type { Log } from "../log.ts";
import { systemTime, type Time } from "../time.ts";
import { backoffMs } from "./backoff.ts";
import { queueAddress } from "./queueaddress.ts";

const triesMax = 8;

/**
 * The reports queue in SQS, `<prefix>-reports`. A report that can't be sent is tried 8 times in
 * all, with back-off, in some 20 s and the requests' own limits; then the last failure is thrown.
 * `signal` ends the retries. One that is too large isn't tried at all: MESSAGE_TOO_LARGE.
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
  const sendOnce = (MessageBody: string, MessageGroupId: string) =>
    queue.use(async (QueueUrl) => {
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody, MessageGroupId }));
    });

  return {
    async send(report) {
      const body = sendableText(report, "taskId" in report ? `The report of the task ${report.taskId}` : "The report");
      for (let attempt = 1; ; attempt++) {
        try {
          return await sendOnce(body, senderOf(report).siteId);
        } catch (error) {
          if (attempt >= triesMax || signal.aborted) throw error;
          log.warn(
            { err: error, queue: queue.name, report: report.kind, attempt },
            "could not send a report; retrying",
          );
          await time.sleep(backoffMs(attempt, { firstMs: 200, maxMs: 5_000 }), signal);
        }
      }
    },
  };
};
