import { isFromWhomItSays } from "./access.ts";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "./aws/lambda-events.ts";
import type { Deps } from "./deps.ts";
import { handleReport } from "./report.ts";

/**
 * Takes in a batch of the reports queue, one after the other; those that could not be taken in come again.
 * @param gatewayRoleId unique id of the role that gateways send with; undefined beside emulators
 */
export const handleReportBatch = async (
  deps: Deps,
  event: SQSEvent,
  gatewayRoleId?: string,
): Promise<SQSBatchResponse> => {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const record of event.Records) {
    try {
      const { SenderId } = record.attributes;
      await handleReport(deps, parsed(record), (report) => isFromWhomItSays(report, SenderId, gatewayRoleId));
    } catch (error) {
      deps.log.warn({ err: error, messageId: record.messageId }, "a report could not be taken in and will come again");
      batchItemFailures.push({ itemIdentifier: record.messageId });
    }
  }
  return { batchItemFailures };
};

/** What is no JSON is no report either: `handleReport` says so and drops it. */
const parsed = ({ body }: SQSRecord): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
};
