import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { clientConfig } from "../../functions/aws/clients.ts";
import type { Raw } from "./capacity.ts";
import type { ModelTable } from "./model-table.ts";

/** What every request goes through on its way to the table: the world kills functions there. */
export type Passage = (request: () => Raw, command: string, input: Raw) => Promise<Raw>;

/**
 * A client of the SDK whose requests end at the model. The SDK's own retries are in between, with
 * the settings that the functions run with; what is left out is the wire: the form of requests,
 * signatures, HTTP.
 */
export const createModelClient = (table: ModelTable, passage: Passage): DynamoDBClient => {
  const client = new DynamoDBClient(clientConfig({ AWS_ENDPOINT_URL: "http://127.0.0.1:1" }, "DYNAMODB"));
  const retries = client.middlewareStack.clone();
  // That one is placed beside another and not among the names.
  for (const described of [...retries.identify(), "httpAuthSchemeMiddleware"]) {
    const [name = ""] = described.split(" ");
    if (name !== "retryMiddleware") retries.remove(name);
  }
  const send = retries.resolve(async ({ input, request }) => {
    const { command } = request as { command: string };
    const output = await passage(() => table.request(command, input as Raw), command, input as Raw);
    return { output: { $metadata: {}, ...output }, response: {} } as never;
  }, {});
  client.middlewareStack.add(
    (_, context) => async (args) =>
      (await send({ ...args, request: { command: context.commandName } } as never)) as never,
    { step: "initialize", priority: "high", name: "modelTable" },
  );
  return client;
};
