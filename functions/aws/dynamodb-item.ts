import assert from "node:assert/strict";
import type { DeleteCommandInput, PutCommandInput, UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import type { Instant } from "../../core/api/ids.ts";
import { type Change, documentFormat, type Expectation, type Key, type Stored } from "../../core/ports/store.ts";
import { readableFormat, storedBody } from "../documents/store-rules.ts";
import { tableOf } from "../documents/tables.ts";
import { dueShards, type TableNames, ttlAttribute } from "./table.ts";

/** A document as it lies in the table. */
export interface Item {
  readonly pk: string;
  readonly sk: string;
  readonly version: number;
  /** `documentFormat` of whoever wrote it; absent: 1. */
  readonly format?: number;
  /** Names the write, so that a repetition of it knows its own. */
  readonly by?: string;
  readonly body: Record<string, unknown>;
  readonly dueShard?: number;
  readonly dueAt?: Instant;
  readonly ttl?: number;
}

type Put = Extract<Change, { type: "put" }>;

export const itemKey = (key: Key) => ({ pk: key.partition, sk: key.sort });

/**
 * The shard of the index that a key belongs to: FNV-1a over its UTF-8 bytes
 * (http://www.isthe.com/chongo/tech/comp/fnv/). Its low bits hang on the low bits of the bytes
 * only, and keys are alike: so all its bits are mixed once more (MurmurHash3's end).
 */
export const dueShardOf = (key: Key): number => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${key.partition}\n${key.sort}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % dueShards;
};

/**
 * The attributes of a put but for key and version; the optional ones are absent unless set, so
 * the index is sparse.
 */
const attributesOf = ({ key, body, dueAt, expiresAt }: Pick<Put, "key" | "body" | "dueAt" | "expiresAt">) => ({
  format: documentFormat,
  body: storedBody(key, body).body,
  ...(dueAt === undefined ? {} : { dueShard: dueShardOf(key), dueAt }),
  ...(expiresAt === undefined ? {} : { [ttlAttribute]: Math.ceil(Date.parse(expiresAt) / 1000) }),
});

/** The whole item of a document that is written without regard to what was there. */
export const itemOf = (put: Pick<Put, "key" | "body" | "dueAt" | "expiresAt">, version: number): Item => ({
  ...itemKey(put.key),
  version,
  ...attributesOf(put),
});

/** @throws {VisibleError} NEWER_VERSION */
export const storedOf = <T>({ pk, sk, version, body, dueAt, format }: Item): Stored<T> => {
  const key = { partition: pk, sort: sk };
  const due = dueAt === undefined ? {} : { dueAt };
  return { key, version, body: body as T, ...due, ...readableFormat(key, format) };
};

const versionName = { "#version": "version" };

/** The condition that an expectation is to DynamoDB; nothing for `any`. */
const conditionOf = (expect: Expectation) => {
  if (expect === "any") return {};
  if (expect === "absent") return { ConditionExpression: "attribute_not_exists(pk)" };
  return {
    ConditionExpression: "#version = :expected",
    ExpressionAttributeNames: versionName,
    ExpressionAttributeValues: { ":expected": expect.version },
  };
};

/**
 * A put as an update: it replaces every attribute, and counts the version up whatever it was, which
 * a Put could only do knowing it.
 */
export const updateOf = (TableName: string, change: Put, by: string) => {
  const attributes: Record<string, unknown> = { ...attributesOf(change), by };
  const condition = conditionOf(change.expect);
  const sets = Object.keys(attributes).map((name) => `#${name} = :${name}`);
  const removed = ["dueShard", "dueAt", ttlAttribute].filter((name) => !(name in attributes));
  const names = [...Object.keys(attributes), ...removed].map((name) => [`#${name}`, name] as const);
  const values = Object.entries(attributes).map(([name, value]) => [`:${name}`, value] as const);
  const removal = removed.length === 0 ? "" : ` REMOVE ${removed.map((name) => `#${name}`).join(", ")}`;
  return {
    TableName,
    Key: itemKey(change.key),
    UpdateExpression: `SET #version = if_not_exists(#version, :zero) + :one, ${sets.join(", ")}${removal}`,
    ...condition,
    ExpressionAttributeNames: { ...versionName, ...Object.fromEntries(names) },
    ExpressionAttributeValues: {
      ":zero": 0,
      ":one": 1,
      ...condition.ExpressionAttributeValues,
      ...Object.fromEntries(values),
    },
  } satisfies UpdateCommandInput;
};

/** A put of what must not be there yet, which needs no permission to change what is. */
export const additionOf = (TableName: string, change: Put, by: string) => {
  assert.equal(change.expect, "absent", "an entry of the audit trail is added, and never changed");
  const ConditionExpression = "attribute_not_exists(pk)";
  return { TableName, Item: { ...itemOf(change, 1), by }, ConditionExpression } satisfies PutCommandInput;
};

export const deleteOf = (TableName: string, change: Extract<Change, { type: "delete" }>) =>
  ({ TableName, Key: itemKey(change.key), ...conditionOf(change.expect) }) satisfies DeleteCommandInput;

/** A change as an action of a transaction. */
export const actionOf = (names: TableNames, change: Change, by: string) => {
  const kind = tableOf(change.key);
  const TableName = names[kind];
  if (change.type === "put") {
    return kind === "audit" ? { Put: additionOf(TableName, change, by) } : { Update: updateOf(TableName, change, by) };
  }
  if (change.type === "delete") return { Delete: deleteOf(TableName, change) };
  const condition = conditionOf(change.expect);
  // A check of `any` checks nothing, yet DynamoDB wants a condition: one that always holds.
  const ConditionExpression = condition.ConditionExpression ?? "attribute_exists(pk) OR attribute_not_exists(pk)";
  return { ConditionCheck: { TableName, Key: itemKey(change.key), ...condition, ConditionExpression } };
};
