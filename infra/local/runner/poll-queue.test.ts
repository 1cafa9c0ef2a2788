import { startSqs } from "../emulators/sqs.ts";
import { pollQueueConformance } from "./poll-queue.conformance.ts";

pollQueueConformance("by fauxqs", async () => {
  const emulator = await startSqs();
  return { env: { AWS_ENDPOINT_URL_SQS: emulator.endpoint }, stop: () => emulator.stop() };
});
