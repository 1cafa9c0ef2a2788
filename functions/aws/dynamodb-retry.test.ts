import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import type { Change } from "../../core/ports/store.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { createDynamodbStore } from "./dynamodb-store.ts";
import { usualTries } from "./tries.ts";

const cancelled = (...codes: string[]) =>
  new TransactionCanceledException({
    message: "cancelled",
    $metadata: {},
    CancellationReasons: codes.map((Code) => ({ Code })),
  });
const raced = () => new TransactionConflictException({ message: "raced", $metadata: {} });

/** A condition that failed, of a document that somebody wrote. */
const refused = (by: string | (() => string)) => {
  const error = new ConditionalCheckFailedException({ message: "refused", $metadata: {} });
  Object.defineProperty(error, "Item", { get: () => ({ by: { S: typeof by === "string" ? by : by() } }) });
  return error;
};

interface Call {
  readonly name: string;
  readonly input: {
    readonly ClientRequestToken?: string;
    readonly RequestItems?: Record<string, unknown[]>;
    readonly ExpressionAttributeValues?: Record<string, unknown>;
    readonly ReturnValuesOnConditionCheckFailure?: string;
  };
}

/** What a put calls itself. */
const nameOf = (call: Call | undefined): string => {
  const by = call?.input.ExpressionAttributeValues?.[":by"] as { readonly S: string } | undefined;
  return by?.S ?? "";
};

/** A store whose client answers from a list, errors and outputs, and never reaches a network. */
const scripted = (answers: readonly unknown[]) => {
  const calls: Call[] = [];
  const sleeps: number[] = [];
  const client = new DynamoDBClient({
    region: "us-east-1",
    maxAttempts: 1,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  client.middlewareStack.add(
    (_, context) => async (request) => {
      calls.push({ name: context.commandName ?? "", input: request.input as Call["input"] });
      const answer = answers[calls.length - 1] ?? {};
      if (answer instanceof Error) throw answer;
      return { output: { $metadata: {}, ...answer }, response: {} };
    },
    { step: "build" },
  );
  const sleep = async (milliseconds: number) => {
    sleeps.push(milliseconds);
  };
  const tries = { ...usualTries, triesMax: 4, time: { sleep }, fraction: () => 1 };
  const store = createDynamodbStore({ client, tableName: "test", tries });
  return { store, calls, sleeps };
};

const key = { partition: "P", sort: "S" };
const create: Change = { type: "put", key, body: {}, expect: "absent" };
const replace: Change = { type: "put", key, body: {}, expect: "any" };
const other: Change = { type: "put", key: { partition: "P", sort: "T" }, body: {}, expect: "absent" };

describe("commits to DynamoDB that do not go through at once", () => {
  test("are tried again after throttling, with back-off and the same token, so that they happen once", async () => {
    const { store, calls, sleeps } = scripted([cancelled("None", "ThrottlingError"), cancelled("TransactionConflict")]);
    await store.commit([create, other]);
    assert.deepEqual(sleeps, [50, 100]);
    assert.equal(calls.length, 3);
    assert.equal(new Set(calls.map((call) => call.input.ClientRequestToken)).size, 1);
  });

  test("carry a new token for every commit", async () => {
    const { store, calls } = scripted([]);
    await store.commit([create, other]);
    await store.commit([create, other]);
    assert.equal(new Set(calls.map((call) => call.input.ClientRequestToken)).size, 2);
  });

  test("are conflicts at once when a condition fails, whatever else went wrong", async () => {
    const { store, calls } = scripted([cancelled("ThrottlingError", "ConditionalCheckFailed")]);
    await assert.rejects(store.commit([create, other]), CommitConflict);
    assert.equal(calls.length, 1);
  });

  test("are conflicts when the race with another transaction never ends", async () => {
    const { store, calls } = scripted(Array.from({ length: 9 }, () => cancelled("TransactionConflict")));
    await assert.rejects(store.commit([create, other]), CommitConflict);
    assert.equal(calls.length, 4);
  });

  test("throw what DynamoDB said when throttling never ends", async () => {
    const { store } = scripted(Array.from({ length: 9 }, () => cancelled("ThrottlingError")));
    await assert.rejects(store.commit([create, other]), TransactionCanceledException);
  });

  test("throw at once what no retry can mend", async () => {
    const { store, calls } = scripted([cancelled("ValidationError")]);
    await assert.rejects(store.commit([create, other]), TransactionCanceledException);
    assert.equal(calls.length, 1);
  });

  test("of one put know their own first try by its name, and call another's a conflict", async () => {
    const answers: unknown[] = [raced(), refused("somebody else")];
    const { store, calls } = scripted(answers);
    await assert.rejects(store.commit([create]), CommitConflict);
    assert.equal(calls.length, 2);
    const own = scripted(answers);
    // The first try took effect, and its answer was another.
    answers[1] = refused(() => nameOf(own.calls[0]));
    await own.store.commit([create]);
    assert.equal(own.calls.length, 2);
    assert.equal(own.calls[1]?.input.ReturnValuesOnConditionCheckFailure, "ALL_OLD");
  });

  test("need no transaction for one change that expects nothing, and survive racing one", async () => {
    const { store, calls } = scripted([raced()]);
    await store.commit([replace]);
    await store.commit([{ type: "delete", key, expect: "any" }]);
    assert.deepEqual(
      calls.map((call) => call.name),
      ["UpdateItemCommand", "UpdateItemCommand", "DeleteItemCommand"],
    );
  });
});

describe("writing many documents to DynamoDB", () => {
  const documents = Array.from({ length: 30 }, (_, n) => ({ key: { partition: "P", sort: `${n}` }, body: { n } }));
  const left = { UnprocessedItems: { test: [{ PutRequest: { Item: { pk: { S: "P" }, sk: { S: "3" } } } }] } };

  test("sends batches of 25, and what was left unprocessed again", async () => {
    const { store, calls, sleeps } = scripted([left]);
    await store.putAll(documents);
    const sizes = calls.map((call) => call.input.RequestItems?.["test"]?.length);
    assert.deepEqual(sizes, [25, 5, 1]);
    assert.deepEqual(sleeps, [50]);
  });

  test("says how many were left when the tries are used up", async () => {
    const { store } = scripted(Array.from({ length: 9 }, () => left));
    await assert.rejects(store.putAll(documents.slice(0, 2)), /left 1 of 2 documents unwritten in 4 tries/);
  });
});
