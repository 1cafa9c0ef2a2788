import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { needOwnNetwork } from "../../test/need.ts";
import { hangMs } from "../../test/patience.ts";
import { makeRunFolder } from "./emulators/run-folder.ts";
import { startEndpoints } from "./endpoints.ts";

const temporaryFolder = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-endpoints-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

const started = async (t: TestContext, env: Record<string, string>) => {
  const dir = await temporaryFolder(t);
  const endpoints = await startEndpoints({ dir, env, signal: AbortSignal.timeout(hangMs) });
  t.after(() => endpoints.stop());
  return endpoints;
};

test("with no endpoint in the environment all three services are started, where this user alone gets at them", async (t) => {
  if (!(await needOwnNetwork(t))) return;
  const { env, started: names, open } = await started(t, { HOME: "/nowhere" });
  assert.deepEqual([names, open], [["DYNAMODB", "SQS", "SCHEDULER"], []]);
  for (const name of names) {
    const [, socket = ""] = /^unix:(\/.+)$/.exec(env[`AWS_ENDPOINT_URL_${name}`] ?? "") ?? [];
    assert.equal((await stat(dirname(socket))).mode & 0o777, 0o700);
  }
  assert.equal(env["HOME"], "/nowhere");
});

test("on a host that is not shared they are on loopback, and it is said that they are open", async (t) => {
  const { env, started: names, open } = await started(t, { SMTX_BACKUP_SHARED_HOST: "1" });
  for (const name of names) assert.match(env[`AWS_ENDPOINT_URL_${name}`] ?? "", /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.deepEqual(open, names);
});

test("sockets have a short path, however long that of the data is", async (t) => {
  const long = join(await temporaryFolder(t), "x".repeat(100));
  await mkdir(long);
  const { folder, remove } = await makeRunFolder({ XDG_RUNTIME_DIR: long });
  t.after(remove);
  assert.ok(Buffer.byteLength(join(folder, "dynamodb")) <= 107);
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
