import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CreateQueueCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { VisibleError } from "../../../core/api/errors.ts";
import { createClients } from "../../../functions/aws/clients.ts";
import { startSqs } from "./sqs.ts";

describe("the SQS emulator", () => {
  test("listens on 127.0.0.1, and stops at once although a client waits for messages", async () => {
    const emulator = await startSqs();
    assert.match(emulator.endpoint, /^http:\/\/127\.0\.0\.1:\d+$/);
    const { sqs } = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "waited-for" }));
    const waiting = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    const failed = assert.rejects(waiting);
    await emulator.stop();
    await failed;
    sqs.destroy();
  });

  test("refuses a port that is taken", async () => {
    const emulator = await startSqs();
    const port = Number(new URL(emulator.endpoint).port);
    await assert.rejects(startSqs({ port }), (error) => VisibleError.is(error, "CONFLICT"));
    await emulator.stop();
  });
});
