import { reportQueueDefinition } from "../../functions/aws/queues.ts";
import { createFunction, sharedEnvironment } from "./function.ts";
import type { InstallationHere } from "./installation.ts";
import { namesOf } from "./names.ts";
import { consume, createQueue } from "./queue.ts";

/** What Lambda asks for: the queue's visibility is at least six times the function's timeout. */
const timeoutSeconds = Math.floor(reportQueueDefinition.visibilityTimeoutSeconds / 6);

/**
 * The reports of all gateways, and who takes them in. What could not be taken in again and
 * again is a dead letter.
 */
export const createReports = (here: InstallationHere, gatewayRole: aws.iam.Role, concurrencyMax: number) => {
  const names = namesOf(here.prefix);
  const dead = createQueue("ReportsDead", names.reportsDead, reportQueueDefinition);
  const queue = createQueue("Reports", names.reports, reportQueueDefinition, dead);
  const report = createFunction(here, "Report", "report", {
    timeout: `${timeoutSeconds} seconds`,
    memory: "512 MB",
    environment: { ...sharedEnvironment(here), GATEWAY_ROLE_ID: gatewayRole.uniqueId },
  });
  consume(queue, report, concurrencyMax);
  return { queue, dead, report };
};
