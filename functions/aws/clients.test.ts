import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { GetQueueUrlCommand, SQSClient } from "@aws-sdk/client-sqs";
import { requestTimeouts } from "./clients.ts";

for (const [what, answer] of [
  ["never comes", () => undefined],
  ["comes in part and goes on no more", (response) => response.writeHead(200, { "content-length": "100" }).write("{")],
] as const satisfies readonly (readonly [string, (response: import("node:http").ServerResponse) => unknown])[]) {
  test(`an answer of AWS that ${what} is waited for no longer than its limit`, async (t) => {
    const server = createServer((_request, response) => void answer(response)).listen(0, "127.0.0.1");
    t.after(() => server.close().closeAllConnections());
    await once(server, "listening");
    const client = new SQSClient({
      ...{
        endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        region: "us-east-1",
        maxAttempts: 1,
      },
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      ...requestTimeouts(0.1),
    });
    t.after(() => client.destroy());
    await assert.rejects(client.send(new GetQueueUrlCommand({ QueueName: "q" })), { name: "TimeoutError" });
  });
}
