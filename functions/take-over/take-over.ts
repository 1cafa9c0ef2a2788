import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, QueryCommand, TransactWriteCommand } from "@aws-sdk/lib-dynamodb";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Site } from "../../core/api/site.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Key } from "../../core/ports/store.ts";
import { type Item, itemKey } from "../aws/dynamodb-item.ts";
import { createDynamodbStore } from "../aws/dynamodb-store.ts";
import { tableNamesOf } from "../aws/table.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import {
  auditKey,
  certificatesKey,
  enrolmentKey,
  revocationsKey,
  siteKey,
  takenOverKey,
  tokenKey,
} from "../documents/records.ts";
import { tableOf } from "../documents/tables.ts";

export interface TakenOver {
  readonly at: Instant;
  /** Documents that lay in the table of state and were moved, by their tables. */
  readonly moved: { readonly access: number; readonly audit: number };
  /** It was done just now, and not before. */
  readonly isNew: boolean;
}

/** A transaction has 100 actions at most, and 4 MB; each document takes two, and one is ours. */
const documentsAtOnce = 25;

/**
 * Moves what an earlier version kept in the single table to the tables that it is in now: once.
 * Whoever may write to the table of state could otherwise make tokens by it, for all time. It moves
 * a document by a transaction, so one that was stopped goes on where it was. Two at once move each
 * document once, and none after one of them has ended.
 * @returns what was moved, now or when it was done
 */
export const takeOver = async (client: DynamoDBClient, name: string, clock: Clock): Promise<TakenOver> => {
  const store = createDynamodbStore({ client, tableName: name });
  const before = await store.get<Omit<TakenOver, "isNew">>(takenOverKey);
  if (before !== undefined) return { ...before.body, isNew: false };
  const documents = DynamoDBDocumentClient.from(client);
  const access =
    (await moveAll(documents, name, tokenKey(""))) +
    (await moveAll(documents, name, enrolmentKey(""))) +
    (await moveSites(documents, name));
  const audit = await moveAll(documents, name, auditKey("", ""));
  const body = { at: clock.now(), moved: { access, audit } };
  const isNew = await ignoringConflict(() =>
    store.commit([{ type: "put", key: takenOverKey, body, expect: "absent" }]),
  );
  return { ...body, isNew };
};

/** A site goes after all that belongs to it: so it is found again as long as anything is left. */
const moveSites = async (documents: DynamoDBDocumentClient, name: string): Promise<number> => {
  let moved = 0;
  for await (const sites of pagesBefore(documents, name, siteKey("" as SiteId))) {
    for (const { body } of sites) {
      const { id, multiCluster } = body as unknown as Site;
      moved += await moveAll(documents, name, certificatesKey(id, ""));
      moved += await moveAll(documents, name, revocationsKey(multiCluster));
    }
    await move(documents, name, sites);
    moved += sites.length;
  }
  return moved;
};

const moveAll = async (documents: DynamoDBDocumentClient, name: string, first: Key): Promise<number> => {
  let moved = 0;
  for await (const items of pagesBefore(documents, name, first)) {
    await move(documents, name, items);
    moved += items.length;
  }
  return moved;
};

/** What still lies in the single table and begins like a key, page by page. */
async function* pagesBefore(
  documents: DynamoDBDocumentClient,
  name: string,
  first: Key,
): AsyncGenerator<readonly Item[]> {
  for (;;) {
    const { Items = [] } = await documents.send(
      new QueryCommand({
        TableName: tableNamesOf(name).state,
        ConsistentRead: true,
        Limit: documentsAtOnce,
        KeyConditionExpression: "pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues: { ":pk": first.partition, ":prefix": first.sort },
      }),
    );
    if (Items.length === 0) return;
    yield Items as Item[];
  }
}

const move = async (documents: DynamoDBDocumentClient, name: string, items: readonly Item[]): Promise<void> => {
  const names = tableNamesOf(name);
  const moves = items.flatMap((Item) => {
    const key = { partition: Item.pk, sort: Item.sk };
    return [
      { Put: { TableName: names[tableOf(key)], Item: { ...Item } } },
      // What another one has moved already may have changed since, or have been revoked.
      { Delete: { TableName: names.state, Key: itemKey(key), ...asRead(Item) } },
    ];
  });
  const isOpen = {
    ConditionCheck: {
      ...{ TableName: names[tableOf(takenOverKey)], Key: itemKey(takenOverKey) },
      ConditionExpression: "attribute_not_exists(pk)",
    },
  };
  await documents.send(new TransactWriteCommand({ TransactItems: [isOpen, ...moves] }));
};

const asRead = ({ version }: Item) => ({
  ConditionExpression: "#version = :version",
  ExpressionAttributeNames: { "#version": "version" },
  ExpressionAttributeValues: { ":version": version },
});
