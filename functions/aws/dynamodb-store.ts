import { randomUUID } from "node:crypto";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
  TransactionConflictException,
} from "@aws-sdk/client-dynamodb";
import {
  BatchWriteCommand,
  type BatchWriteCommandInput,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, DocumentStore, Key } from "../../core/ports/store.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { type Tries, tryAgain } from "../../core/waiting/try-again.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { assertCommit, decodeCursor, encodeCursor, keyText } from "../documents/store-rules.ts";
import { tableOf } from "../documents/tables.ts";
import type { Item } from "./dynamodb-item.ts";
import { actionOf, additionOf, deleteOf, itemKey, itemOf, storedOf, updateOf } from "./dynamodb-item.ts";
import { dueIndexName, dueShards, type TableNames, tableNamesOf } from "./table.ts";
import { usualTries } from "./tries.ts";

export interface DynamodbStoreOptions {
  readonly client: DynamoDBClient;
  /** Of the table of state; the others' follow from it. */
  readonly tableName: string;
  /**
   * How throttled transactions, lost races and unprocessed items are tried again; the client
   * retries the rest.
   */
  readonly tries?: Tries;
}

type WriteRequest = NonNullable<BatchWriteCommandInput["RequestItems"]>[string][number];

const batchItemsMax = 25;
const concurrencyMax = 8;

/** The reasons for which DynamoDB cancelled a transaction, one of each kind. */
const cancellations = (error: unknown): ReadonlySet<string> => {
  if (error instanceof TransactionConflictException) return new Set(["TransactionConflict"]);
  if (!(error instanceof TransactionCanceledException)) return new Set();
  return new Set(
    error.CancellationReasons?.flatMap(({ Code }) => (Code === undefined || Code === "None" ? [] : [Code])),
  );
};

const retryableReasons = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);
/**
 * Nothing but a race with another transaction, or throttling, which the client does not see inside
 * a cancellation.
 */
const isRetryable = (error: unknown): boolean => {
  const reasons = cancellations(error);
  return reasons.size > 0 && [...reasons].every((reason) => retryableReasons.has(reason));
};

const isConflict = (error: unknown): boolean => {
  if (error instanceof ConditionalCheckFailedException) return true;
  const reasons = cancellations(error);
  return reasons.has("ConditionalCheckFailed") || reasons.has("TransactionConflict");
};

/**
 * Writes one put, or one deletion that expects nothing, without a transaction, at half its price.
 * Tried again after a lost answer, a put meets its own first try, which `by` tells from another's.
 * A deletion would meet nothing, and could not tell.
 */
const write = async (
  tables: DynamoDBDocumentClient,
  names: TableNames,
  changes: readonly Change[],
  by: string,
): Promise<void> => {
  const [only] = changes;
  if (changes.length === 1 && only?.type === "put") {
    await putAlone(tables, names, only, by);
  } else if (changes.length === 1 && only?.type === "delete" && only.expect === "any") {
    await tables.send(new DeleteCommand(deleteOf(names[tableOf(only.key)], only)));
  } else {
    const TransactItems = changes.map((change) => actionOf(names, change, by));
    await tables.send(new TransactWriteCommand({ TransactItems, ClientRequestToken: by }));
  }
};

const putAlone = async (
  tables: DynamoDBDocumentClient,
  names: TableNames,
  put: Extract<Change, { type: "put" }>,
  by: string,
): Promise<void> => {
  const old = { ReturnValuesOnConditionCheckFailure: "ALL_OLD" } as const;
  const kind = tableOf(put.key);
  try {
    if (kind === "audit") await tables.send(new PutCommand({ ...additionOf(names[kind], put, by), ...old }));
    else await tables.send(new UpdateCommand({ ...updateOf(names[kind], put, by), ...old }));
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException && error.Item?.["by"]?.S === by) return;
    throw error;
  }
};

const dueOfShard = async (
  tables: DynamoDBDocumentClient,
  TableName: string,
  shard: number,
  { now, after, limit: Limit }: Parameters<DocumentStore["due"]>[0],
) => {
  const { Items = [] } = await tables.send(
    new QueryCommand({
      TableName,
      IndexName: dueIndexName,
      KeyConditionExpression: `dueShard = :shard AND dueAt ${after === undefined ? "<= :now" : "BETWEEN :first AND :now"}`,
      ExpressionAttributeValues: {
        ":shard": shard,
        ":now": now,
        ...(after === undefined ? {} : { ":first": addSeconds(after, 0.001) }),
      },
      Limit,
    }),
  );
  return Items as Pick<Required<Item>, "pk" | "sk" | "dueAt">[];
};

/** A batch was not written whole: DynamoDB was busy with others. */
class Unwritten extends Error {}

/**
 * The `DocumentStore` in DynamoDB's tables, as `tableDefinitions` makes them. A version counts up
 * with every commit; `putAll` sets it to 1.
 */
export const createDynamodbStore = ({ client, tableName, tries = usualTries }: DynamodbStoreOptions): DocumentStore => {
  const tables = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  const names = tableNamesOf(tableName);
  const nameFor = (key: Key): string => names[tableOf(key)];

  const writeBatch = async (name: string, batch: readonly WriteRequest[]): Promise<void> => {
    let left = batch;
    await tryAgain({ ...tries, mayHelp: (failure) => failure instanceof Unwritten }, async () => {
      const RequestItems = { [name]: [...left] };
      const { UnprocessedItems } = await tables.send(new BatchWriteCommand({ RequestItems }));
      left = UnprocessedItems?.[name] ?? [];
      if (left.length === 0) return;
      const what = `${left.length} of ${batch.length} documents`;
      throw new Unwritten(`DynamoDB left ${what} unwritten in ${tries.triesMax} tries`);
    });
  };

  /** By the key of the document; a batch may not hold one twice, so of two the later counts. */
  const writeBatches = async (requests: readonly (readonly [Key, WriteRequest])[]): Promise<void> => {
    const distinct = new Map(requests.map((request) => [keyText(request[0]), request])).values();
    const byTable = Map.groupBy(distinct, ([key]) => nameFor(key));
    const batches = [...byTable].flatMap(([name, of]) =>
      Array.from({ length: Math.ceil(of.length / batchItemsMax) }, (_, index) => {
        const batch = of.slice(index * batchItemsMax, (index + 1) * batchItemsMax);
        return { name, batch: batch.map(([, request]) => request) };
      }),
    );
    await mapBounded(batches, concurrencyMax, ({ name, batch }) => writeBatch(name, batch));
  };

  return {
    async get<T>(key: Key) {
      const { Item } = await tables.send(
        new GetCommand({ TableName: nameFor(key), Key: itemKey(key), ConsistentRead: true }),
      );
      return Item === undefined ? undefined : storedOf<T>(Item as Item);
    },

    async query<T>({
      partition,
      prefix = "",
      limit,
      descending = false,
      cursor,
    }: Parameters<DocumentStore["query"]>[0]) {
      const items: Item[] = [];
      let after = cursor === undefined ? undefined : decodeCursor(cursor, prefix);
      do {
        const { Items = [], LastEvaluatedKey } = await tables.send(
          new QueryCommand({
            TableName: nameFor({ partition, sort: prefix }),
            ConsistentRead: true,
            ScanIndexForward: !descending,
            Limit: limit - items.length,
            // DynamoDB refuses an empty prefix.
            KeyConditionExpression: prefix === "" ? "pk = :pk" : "pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues: { ":pk": partition, ...(prefix === "" ? {} : { ":prefix": prefix }) },
            ...(after === undefined ? {} : { ExclusiveStartKey: itemKey({ partition, sort: after }) }),
          }),
        );
        items.push(...(Items as Item[]));
        after = LastEvaluatedKey?.["sk"] as string | undefined;
      } while (after !== undefined && items.length < limit);
      const found = items.map((item) => storedOf<T>(item));
      return after === undefined ? { items: found } : { items: found, cursor: encodeCursor(after) };
    },

    async due(options) {
      const shards = Array.from({ length: dueShards }, (_, shard) => shard);
      const found = await mapBounded(shards, concurrencyMax, (shard) =>
        dueOfShard(tables, names.state, shard, options),
      );
      return found
        .flat()
        .sort((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0))
        .slice(0, options.limit)
        .map(({ pk, sk, dueAt }) => ({ partition: pk, sort: sk, dueAt }));
    },

    async commit(changes) {
      assertCommit(changes);
      const token = randomUUID();
      try {
        await tryAgain({ ...tries, mayHelp: isRetryable }, () => write(tables, names, changes, token));
      } catch (error) {
        throw isConflict(error) ? new CommitConflict({ cause: error }) : error;
      }
    },

    async putAll(documents) {
      await writeBatches(
        documents.map((document) => [document.key, { PutRequest: { Item: { ...itemOf(document, 1) } } }]),
      );
    },

    async deleteAll(keys) {
      await writeBatches(keys.map((key) => [key, { DeleteRequest: { Key: itemKey(key) } }]));
    },
  };
};
