import assert from "node:assert/strict";
import { test } from "node:test";
import { CreateQueueCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { createClients } from "../../../functions/aws/clients.ts";
import { startSqs } from "../emulators/sqs.ts";
import { pollQueueConformance } from "./poll-queue.conformance.ts";
import { pollQueue } from "./poll-queue.ts";

const start = async () => {
  const emulator = await startSqs();
  return { env: { AWS_ENDPOINT_URL_SQS: emulator.endpoint }, stop: () => emulator.stop() };
};

pollQueueConformance("by fauxqs", start, ["forgets the group of a message on a standard queue"]);

test("polling a queue hands over whose a message is, which fauxqs knows on a queue that keeps an order", async () => {
  const services = await start();
  const { sqs: client } = createClients(services.env);
  const Attributes = { FifoQueue: "true", ContentBasedDeduplication: "true" };
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: "ordered.fifo", Attributes }));
  assert(QueueUrl !== undefined);
  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "a", MessageGroupId: "whose" }));
  const abort = new AbortController();
  const groups: (string | undefined)[] = [];
  await pollQueue({
    ...{ client, queueUrl: QueueUrl, batchSize: 1, signal: abort.signal },
    log: { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined },
    handler: async ({ Records }) => {
      groups.push(...Records.map(({ attributes }) => attributes.MessageGroupId));
      abort.abort();
      return { batchItemFailures: [] };
    },
  });
  assert.deepEqual(groups, ["whose"]);
  client.destroy();
  await services.stop();
});
