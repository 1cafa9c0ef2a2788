import { reportQueueDefinition } from "../../functions/aws/queues.ts";
import { createFunction, sharedEnvironment } from "./function.ts";
import type { InstallationHere } from "./installation.ts";
import { consume } from "./queue.ts";

/** As for the reports: a sixth of the queue's visibility. */
const timeoutSeconds = Math.floor(reportQueueDefinition.visibilityTimeoutSeconds / 6);

/** What nobody could deal with is put beside its run, or done after all. */
export const createDeadLetters = (
  here: InstallationHere,
  gatewayRole: aws.iam.Role,
  queues: readonly sst.aws.Queue[],
  concurrencyMax: number,
) => {
  const letters = createFunction(here, "DeadLetters", "dead-letters", {
    timeout: `${timeoutSeconds} seconds`,
    memory: "512 MB",
    environment: { ...sharedEnvironment(here), GATEWAY_ROLE_ID: gatewayRole.uniqueId },
  });
  for (const queue of queues) consume(queue, letters, concurrencyMax);
  return letters;
};
