import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
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

  test("has waiting clients cost next to nothing, and gives them what comes at once, and what comes back", async (context) => {
    const emulator = await startSqs();
    const { sqs } = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "quiet" }));
    const looks = context.mock.method(globalThis, "setInterval");
    const receive = async () => {
      const wanted = { QueueUrl, WaitTimeSeconds: 20, VisibilityTimeout: 1 };
      return (await sqs.send(new ReceiveMessageCommand(wanted))).Messages?.[0]?.Body;
    };
    const waiting = receive();
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" }));
    assert.equal(await waiting, "x");
    assert.equal(await receive(), "x");
    const everyMs = looks.mock.calls.map(({ arguments: [, ms] }) => ms ?? 0);
    assert.ok(everyMs.length > 0 && everyMs.every((ms) => ms >= 500), everyMs.join());
    sqs.destroy();
    await emulator.stop();
  });

  test("refuses a port that is taken", async () => {
    const emulator = await startSqs();
    const port = Number(new URL(emulator.endpoint).port);
    await assert.rejects(startSqs({ port }), (error) => VisibleError.is(error, "CONFLICT"));
    await emulator.stop();
  });
});
