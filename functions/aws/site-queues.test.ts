import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { VisibleError } from "../../core/api/errors.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { startSqs } from "../../infra/local/emulators/sqs.ts";
import { createMemoryTaskQueue } from "../memory/task-queue.ts";
import { createSqsClient } from "./clients.ts";
import { createLambdaClient } from "./lambda-client.ts";
import { handleSiteQueues, withSiteQueuesFunction } from "./site-queues.ts";

const siteId = siteIdSchema.parse("new");

test("the API asks the function for a site's queues, and the function makes them and nothing else", async (t) => {
  const emulator = await startSqs();
  const sqs = createSqsClient({ AWS_ENDPOINT_URL_SQS: emulator.endpoint });
  const asked: string[] = [];
  // The API of Lambda: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
  const lambda = createServer(async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const body = Buffer.concat(await request.toArray()).toString();
    try {
      await handleSiteQueues(sqs, "test", JSON.parse(body));
      response.end("null");
    } catch (error) {
      response.setHeader("x-amz-function-error", "Unhandled");
      response.end(JSON.stringify({ errorMessage: String(error) }));
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => lambda.once("listening", resolve));
  const client = createLambdaClient({
    AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${(lambda.address() as AddressInfo).port}`,
  });
  t.after(async () => {
    client.destroy();
    sqs.destroy();
    lambda.closeAllConnections();
    lambda.close();
    await emulator.stop();
  });

  const memory = createMemoryTaskQueue();
  const tasks = withSiteQueuesFunction(memory, client, "test-site-queues");
  await tasks.ensure(siteId);
  await tasks.ensure(siteId);
  assert.deepEqual(new Set(asked), new Set(["POST /2015-03-31/functions/test-site-queues/invocations"]));
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({}));
  assert.deepEqual(QueueUrls.map((url) => url.slice(url.lastIndexOf("/") + 1)).sort(), [
    "test-settings-new",
    "test-settings-new_dead",
    "test-tasks-new",
    "test-tasks-new_dead",
    "test-transfers-new",
    "test-transfers-new_dead",
  ]);

  const error = await tasks.ensure("../x" as typeof siteId).catch((thrown: unknown) => thrown);
  assert(VisibleError.is(error, "INTERNAL"));
  assert.match(String(error.cause), /lower-case letters/);
});
