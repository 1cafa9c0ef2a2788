import { startSqs } from "../../infra/local/emulators/sqs.ts";
import { taskQueueConformance } from "./sqs-task-queue.conformance.ts";

taskQueueConformance("by fauxqs", async () => {
  const emulator = await startSqs();
  return { env: { AWS_ENDPOINT_URL_SQS: emulator.endpoint }, stop: () => emulator.stop() };
});
