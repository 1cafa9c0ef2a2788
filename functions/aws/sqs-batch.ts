import { jsonIn } from "../../core/api/json.ts";
import type { Log } from "../ports/deps.ts";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "./lambda-events.ts";

/**
 * Takes in a batch of messages, one after the other; those that could not be taken in come again.
 * @param work is given the message, and its body as JSON; as text where it is none
 */
export const handleEach = async (
  event: SQSEvent,
  log: Log,
  work: (record: SQSRecord, body: unknown) => Promise<void>,
): Promise<SQSBatchResponse> => {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const record of event.Records) {
    const { messageId } = record;
    try {
      const body = jsonIn(record.body);
      await work(record, body === undefined ? record.body : body);
    } catch (error) {
      log.failed({ err: error, messageId }, "a message could not be taken in and will come again");
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
};
