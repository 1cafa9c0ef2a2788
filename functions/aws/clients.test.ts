import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clientConfig, createClients } from "./clients.ts";

const endpoint = "http://127.0.0.1:4566";

describe("the configuration of AWS's clients", () => {
  test("leaves region and credentials to the SDK where no endpoint is set", () => {
    assert.deepEqual(clientConfig({}, "SQS"), { retryMode: "standard", maxAttempts: 4 });
    const given = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "key", AWS_REGION: "eu-west-1" };
    assert.deepEqual(clientConfig(given, "SQS"), { region: "eu-west-1", retryMode: "standard", maxAttempts: 4 });
  });

  test("takes us-east-1 and dummy credentials for an endpoint, unless told otherwise", () => {
    const config = clientConfig({ AWS_ENDPOINT_URL: endpoint }, "DYNAMODB");
    assert.equal(config.endpoint, endpoint);
    assert.equal(config.region, "us-east-1");
    assert.deepEqual(config.credentials, { accessKeyId: "local", secretAccessKey: "local" });
  });

  test("uses the endpoint of the service rather than the one of all", () => {
    const env = { AWS_ENDPOINT_URL: endpoint, AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:9324" };
    assert.equal(clientConfig(env, "SQS").endpoint, "http://127.0.0.1:9324");
    assert.equal(clientConfig(env, "SCHEDULER").endpoint, endpoint);
  });

  test("makes up no credentials for an endpoint when some are given or can be found", () => {
    const given = { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "key" };
    assert.deepEqual(clientConfig(given, "SQS").credentials, { accessKeyId: "id", secretAccessKey: "key" });
    const session = clientConfig({ ...given, AWS_SESSION_TOKEN: "token" }, "SQS").credentials;
    assert.deepEqual(session, { accessKeyId: "id", secretAccessKey: "key", sessionToken: "token" });
    const profile = { AWS_ENDPOINT_URL: endpoint, AWS_PROFILE: "site-a" };
    assert.equal("credentials" in clientConfig(profile, "SQS"), false);
  });

  test("has every client of it call the endpoint", async () => {
    const clients = createClients({ AWS_ENDPOINT_URL: endpoint });
    for (const { config } of [clients.dynamodb, clients.sqs, clients.scheduler]) {
      assert.deepEqual((await config.endpoint?.())?.port, 4566);
    }
    clients.destroy();
  });
});
