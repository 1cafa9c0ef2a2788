import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DescribeTableCommand, DescribeTimeToLiveCommand, GetItemCommand } from "@aws-sdk/client-dynamodb";
import type { Instant } from "../../core/api/ids.ts";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import { createClients } from "./clients.ts";
import { dueShardOf } from "./dynamodb-item.ts";
import { createDynamodbStore } from "./dynamodb-store.ts";
import { dueShards, ensureTable } from "./table.ts";

test("the table is made with its index and time to live, which find their attributes on a document and lose them", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-table-"));
  const emulator = await startDynamo({ dir });
  const { dynamodb: client, destroy } = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
  t.after(async () => {
    destroy();
    await emulator.stop();
    await rm(dir, { recursive: true });
  });
  await Promise.all([ensureTable(client, "test"), ensureTable(client, "test")]);

  const { Table } = await client.send(new DescribeTableCommand({ TableName: "test" }));
  const indexes = Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName);
  assert.deepEqual(indexes, ["due"]);
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: "test" }));
  assert.equal(TimeToLiveDescription?.AttributeName, "ttl");

  const store = createDynamodbStore({ client, tableName: "test" });
  const key = { partition: "P", sort: "S" };
  const Key = { pk: { S: "P" }, sk: { S: "S" } };
  const read = async () => (await client.send(new GetItemCommand({ TableName: "test", Key }))).Item;
  const dueAt = "2026-11-24T00:00:00.000Z" as Instant;
  const expiresAt = "2026-11-24T00:00:00.001Z" as Instant;
  // The time to live is in whole seconds, and a document must not go before its instant.
  const ttl = { N: "1795478401" };

  await store.commit([{ type: "put", key, body: {}, expect: "absent", dueAt, expiresAt }]);
  const shard = { N: dueShardOf(key).toString() };
  assert.deepEqual(await read(), {
    ...Key,
    version: { N: "1" },
    body: { M: {} },
    dueAt: { S: dueAt },
    dueShard: shard,
    ttl,
  });
  await store.commit([{ type: "put", key, body: {}, expect: { version: 1 } }]);
  assert.deepEqual(await read(), { ...Key, version: { N: "2" }, body: { M: {} } });
  await store.putAll([{ key, body: {}, expiresAt }]);
  assert.deepEqual(await read(), { ...Key, version: { N: "1" }, body: { M: {} }, ttl });
});

test("documents are spread evenly over the shards of the index, always the same way", () => {
  const counts = Array.from({ length: dueShards }, () => 0);
  for (let n = 0; n < 100 * dueShards; n++) {
    const shard = dueShardOf({ partition: `RUN#${n}`, sort: "RUN" });
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  assert(counts.every((count) => count > 50 && count < 150));
  assert.equal(dueShardOf({ partition: "", sort: "" }), (Math.imul(0x811c9dc5 ^ 0x0a, 0x01000193) >>> 0) % dueShards);
});
