import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createClients } from "../../functions/aws/clients.ts";
import { createDynamodbStore } from "../../functions/aws/dynamodb-store.ts";
import { ensureTables } from "../../functions/aws/table.ts";
import { systemClock } from "../../functions/environment.ts";
import { authenticate } from "../../functions/tokens/tokens.ts";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import { createTokenInTable } from "../host/table-token.ts";
import { createWorld, run, temporaryFolder } from "../testing.ts";

test("token create prints the token alone on its first line; list has it, and revoke ends it", async () => {
  const world = await createWorld();
  const made = await world.run(["token", "create", "ci", "--scope", "read", "operate", "--days", "30"]);
  assert.equal(made.exitCode, 0, made.stderr);
  const [token = "", told = ""] = made.stdout.split("\n");
  assert.match(token, /^smtxb_[0-9a-f]{12}_[0-9a-f]{64}$/);
  assert.match(told, /of ci, for read, operate; it is good until /);
  const id = token.split("_")[1] ?? "";
  assert.match((await world.run(["token", "list"])).stdout, new RegExp(`${id} +ci +read, operate`));
  assert.equal((await world.run(["token", "revoke", id])).exitCode, 0);
  assert.doesNotMatch((await world.run(["token", "list"])).stdout, new RegExp(id));
});

test("token create refuses a scope that there is not, and wants one", async () => {
  for (const more of [[], ["--scope", "everything"]]) {
    const { exitCode, stderr } = await run(["token", "create", "x", ...more]);
    assert.equal(exitCode, 2, stderr);
  }
});

test("the first token is made in the table itself, and is one like any other", async (t) => {
  const dynamo = await startDynamo({ dir: join(await temporaryFolder(t), "dynamo") });
  const env = { AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint };
  const { dynamodb, destroy } = createClients(env);
  t.after(async () => {
    destroy();
    await dynamo.stop();
  });
  await ensureTables(dynamodb, "smtx-backup-production");
  const args = ["token", "create", "first", "--scope", "admin", "--days", "1", "--table", "smtx-backup-production"];
  const { exitCode, stdout, stderr } = await run(args, { env, createTokenInTable });
  assert.equal(exitCode, 0, stderr);
  const elsewhere = await run([...args.slice(0, -1), "elsewhere"], { env, createTokenInTable });
  assert.match(elsewhere.stderr, /“elsewhere” can't be written to/);
  const store = createDynamodbStore({ client: dynamodb, tableName: "smtx-backup-production" });
  const { name, scopes } = await authenticate({ store, clock: systemClock }, stdout.split("\n")[0] ?? "");
  assert.deepEqual([name, scopes], ["first", ["admin"]]);
});
