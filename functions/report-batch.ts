import type { SQSBatchResponse, SQSEvent } from "./aws/lambda-events.ts";
import { handleEach } from "./aws/sqs-batch.ts";
import { isFromWhomItSays, isInItsGroup } from "./gateways/access.ts";
import type { Deps } from "./ports/deps.ts";
import { handleReport } from "./report.ts";

/**
 * Takes in a batch of the reports queue. What is no JSON is no report either: `handleReport`
 * says so and drops it.
 * @param gatewayRoleId unique id of the role that gateways send with; undefined beside emulators
 */
export const handleReportBatch = (deps: Deps, event: SQSEvent, gatewayRoleId?: string): Promise<SQSBatchResponse> =>
  handleEach(event, deps.log, ({ attributes: { SenderId, MessageGroupId } }, body) =>
    handleReport(
      deps,
      body,
      (report) =>
        isFromWhomItSays(report, SenderId, gatewayRoleId) && isInItsGroup(report, MessageGroupId, gatewayRoleId),
    ),
  );
