import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  GetItemCommand,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { documentFormat } from "../../core/ports/store.ts";
import { storeConformance } from "../documents/store.conformance.ts";
import { createClients } from "./clients.ts";
import { dueShardOf } from "./dynamodb-item.ts";
import { createDynamodbStore } from "./dynamodb-store.ts";
import { ensureTables } from "./table.ts";
import type { ServicesUnderTest } from "./testing.ts";

/**
 * What the document store promises on DynamoDB, or on what stands in for it. Takes a
 * function that starts that.
 */
export const dynamodbConformance = (name: string, start: () => Promise<ServicesUnderTest>): void => {
  storeConformance(`in DynamoDB, ${name}`, async () => {
    const services = await start();
    const clients = createClients(services.env);
    await ensureTables(clients.dynamodb, "test");
    await ensureTables(clients.dynamodb, "test");
    return {
      store: createDynamodbStore({ client: clients.dynamodb, tableName: "test" }),
      async stop() {
        clients.destroy();
        await services.stop();
      },
    };
  });

  test(`the table ${name} is made with its index and time to live, which find their attributes on a document and lose them`, async (t) => {
    const services = await start();
    const { dynamodb: client, destroy } = createClients(services.env);
    t.after(async () => {
      destroy();
      await services.stop();
    });
    const tableName = "test-attributes";
    await Promise.all([ensureTables(client, tableName), ensureTables(client, tableName)]);

    const { Table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
    const indexes = Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName);
    assert.deepEqual(indexes, ["due"]);
    const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: tableName }));
    assert.equal(TimeToLiveDescription?.AttributeName, "ttl");

    const store = createDynamodbStore({ client, tableName });
    const key = { partition: "P", sort: "S" };
    const Key = { pk: { S: "P" }, sk: { S: "S" } };
    const read = async () => {
      const { Item: { by: _, ...item } = {} } = await client.send(new GetItemCommand({ TableName: tableName, Key }));
      return item;
    };
    const format = { N: documentFormat.toString() };
    const dueAt = "2026-11-24T00:00:00.000Z" as Instant;
    const expiresAt = "2026-11-24T00:00:00.001Z" as Instant;
    // The time to live is in whole seconds, and a document must not go before its instant.
    const ttl = { N: "1795478401" };

    await store.commit([{ type: "put", key, body: {}, expect: "absent", dueAt, expiresAt }]);
    const shard = { N: dueShardOf(key).toString() };
    assert.deepEqual(await read(), {
      ...Key,
      version: { N: "1" },
      format,
      body: { M: {} },
      dueAt: { S: dueAt },
      dueShard: shard,
      ttl,
    });
    await store.commit([{ type: "put", key, body: {}, expect: { version: 1 } }]);
    assert.deepEqual(await read(), { ...Key, version: { N: "2" }, format, body: { M: {} } });
    await store.putAll([{ key, body: {}, expiresAt }]);
    assert.deepEqual(await read(), { ...Key, version: { N: "1" }, format, body: { M: {} }, ttl });
  });

  test(`documents ${name} of an earlier form say so, and those of a newer one are refused`, async (t) => {
    const services = await start();
    const { dynamodb: client, destroy } = createClients(services.env);
    t.after(async () => {
      destroy();
      await services.stop();
    });
    const tableName = "test-forms";
    await ensureTables(client, tableName);
    const store = createDynamodbStore({ client, tableName });
    const write = (sort: string, format: Record<string, { N: string }>) =>
      client.send(
        new PutItemCommand({
          TableName: tableName,
          Item: { pk: { S: "P" }, sk: { S: sort }, version: { N: "3" }, body: { M: {} }, ...format },
        }),
      );
    await write("A", {});
    await write("B", { format: { N: `${documentFormat + 1}` } });
    assert.equal((await store.get({ partition: "P", sort: "A" }))?.format, 1);
    const isNewer = (error: unknown) => VisibleError.is(error, "NEWER_VERSION");
    await assert.rejects(store.get({ partition: "P", sort: "B" }), isNewer);
    await assert.rejects(store.query({ partition: "P", limit: 10 }), isNewer);
  });
};
