import { startSqs } from "../../infra/local/emulators/sqs.ts";
import { taskQueueConformance } from "./sqs-task-queue.conformance.ts";

const start = async () => {
  const emulator = await startSqs();
  return { env: { AWS_ENDPOINT_URL_SQS: emulator.endpoint }, stop: () => emulator.stop() };
};
taskQueueConformance("by fauxqs", start, ["forgets the group of a message on a standard queue"]);
