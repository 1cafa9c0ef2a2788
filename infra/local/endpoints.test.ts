import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { hangMs } from "../../test/patience.ts";
import { startEndpoints } from "./endpoints.ts";

const started = async (t: TestContext, env: Record<string, string>) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-endpoints-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const endpoints = await startEndpoints({ dir, env, signal: AbortSignal.timeout(hangMs) });
  t.after(() => endpoints.stop());
  return endpoints;
};

test("with no endpoint in the environment all three services are started, on loopback", async (t) => {
  const { env, started: names } = await started(t, { HOME: "/nowhere" });
  assert.deepEqual(names, ["DYNAMODB", "SQS", "SCHEDULER"]);
  for (const name of names) assert.match(env[`AWS_ENDPOINT_URL_${name}`] ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.equal(env["HOME"], "/nowhere");
});

test("what the environment names is used, and only what is missing is started", async (t) => {
  const { env, started: names } = await started(t, { AWS_ENDPOINT_URL_DYNAMODB: "http://127.0.0.1:1" });
  assert.deepEqual(names, ["SQS", "SCHEDULER"]);
  assert.equal(env["AWS_ENDPOINT_URL_DYNAMODB"], "http://127.0.0.1:1");
});

test("an endpoint for everything starts nothing", async (t) => {
  const given = { AWS_ENDPOINT_URL: "http://127.0.0.1:1" };
  const { env, started: names } = await started(t, given);
  assert.deepEqual(names, []);
  assert.deepEqual(env, given);
});
