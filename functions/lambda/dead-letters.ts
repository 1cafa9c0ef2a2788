import type { SQSBatchResponse, SQSEvent } from "../aws/lambda-events.ts";
import { handleDeadLetters } from "../dead-letters.ts";
import { gatewayRoleIdFrom } from "../environment.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("dead-letters");
const gatewayRoleId = gatewayRoleIdFrom(process.env);

/** The dead-letter queues of the reports and of the schedules → what is left to do about them. */
export const handler = (event: SQSEvent): Promise<SQSBatchResponse> => handleDeadLetters(deps, event, gatewayRoleId);
