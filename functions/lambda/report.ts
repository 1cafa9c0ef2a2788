import type { SQSBatchResponse, SQSEvent } from "../aws/lambda-events.ts";
import { gatewayRoleIdFrom } from "../environment.ts";
import { handleReportBatch } from "../report-batch.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("report");
const gatewayRoleId = gatewayRoleIdFrom(process.env);

/** The reports queue → the reports consumer. */
export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => handleReportBatch(deps, event, gatewayRoleId);
