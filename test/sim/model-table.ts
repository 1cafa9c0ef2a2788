import assert from "node:assert/strict";
import { dueIndexName } from "../../functions/aws/table.ts";
import { Capacity, itemBytes, type Raw, readUnits, transactionFactor, writeUnits } from "./capacity.ts";
import { answerLost, cancelled, conditionFailed, conflicting, throttlings } from "./model-errors.ts";
import { type Action, actionOf, actionsOf, holds, keysOf, requestsOf, updated } from "./model-expressions.ts";
import { bytesOf, entryOf, type ItemKey, itemOf, type ModelItem, ModelItems, rawOf } from "./model-items.ts";
import { byBytes } from "./model-partition.ts";

/** How often DynamoDB does not do what it was asked for, or its answer does not arrive. */
export interface TableFaults {
  /** Of all requests, the SDK's and the adapter's own repetitions too. */
  readonly throttled: number;
  /** The request took effect, and its answer got lost. */
  readonly answerLost: number;
  /** A transaction meets another one. */
  readonly raced: number;
  /** What has just been written is not in the index yet. */
  readonly indexLags: number;
}

/** What goes wrong with the next request; drawn by the world, so that a history can be replayed. */
export interface TableChance {
  faults(): TableFaults;
  happens(probability: number): boolean;
}

/** One item as a request would have it. */
interface Write {
  readonly key: ItemKey;
  readonly before: ModelItem | undefined;
  readonly after: ModelItem | undefined;
}

const pageBytesMax = 1024 * 1024;

/**
 * DynamoDB as a model, for the requests that functions/aws/dynamodb-store.ts makes: items,
 * conditions, transactions with their tokens, the index, and on top of that what goes wrong with
 * DynamoDB. No more of its expressions than those.
 */
export class ModelTable extends ModelItems {
  /** Of transactions that went through: what it costs to be told so again. */
  readonly #tokens = new Map<string, readonly { readonly partition: string; readonly read: number }[]>();
  readonly #chance: TableChance;
  readonly capacity = new Capacity();
  /**
   * How often requests were refused for lack of throughput, or since a condition did not hold or a
   * transaction was in the way; how many there were, and how large they were at most.
   */
  readonly counts = { requests: 0, transactions: 0, throttled: 0, conflicts: 0, itemBytesMax: 0, actionsMax: 0 };

  constructor(chance: TableChance) {
    super();
    this.#chance = chance;
  }

  /** Answers one request of the adapter, or fails as DynamoDB does. */
  request(command: string, input: Raw): Raw {
    this.counts.requests += 1;
    this.capacity.begin();
    const faults = this.#chance.faults();
    if (this.#chance.happens(faults.throttled)) {
      this.counts.throttled += 1;
      const partial = this.#throttled(command, input);
      if (partial !== undefined) return partial;
    }
    const answer = this.#answer(command, input);
    if (this.#chance.happens(faults.answerLost)) throw answerLost();
    return answer;
  }

  /** Refuses a write that meets a transaction which is at work on one of its items. */
  conflict(command: string, input: Raw): never {
    this.counts.requests += 1;
    this.counts.conflicts += 1;
    this.capacity.begin();
    const isTransaction = command === "TransactWriteItemsCommand";
    const keys = keysOf(command, input);
    this.#chargeInVain(
      keys.map((key) => ({ key, before: this.at(key), after: undefined })),
      isTransaction ? transactionFactor : 1,
    );
    throw isTransaction ? cancelled(keys.map(() => ({ Code: "TransactionConflict" }))) : conflicting();
  }

  /** A request that is throttled fails as a whole, or, where DynamoDB does it so, in part. */
  #throttled(command: string, input: Raw): Raw | undefined {
    if (command === "TransactWriteItemsCommand" && this.#chance.happens(0.5)) {
      const actions = input["TransactItems"] as readonly unknown[];
      throw cancelled(actions.map((_, index) => ({ Code: index === 0 ? "ThrottlingError" : "None" })));
    }
    if (command === "BatchWriteItemCommand" && this.#chance.happens(0.5)) {
      const [[tableName, requests = []] = ["", []]] = Object.entries(input["RequestItems"] as Record<string, Raw[]>);
      const left = requests.filter(() => this.#chance.happens(0.5));
      this.#answer(command, { RequestItems: { [tableName]: requests.filter((one) => !left.includes(one)) } });
      return { UnprocessedItems: left.length === 0 ? {} : { [tableName]: left } };
    }
    throw throttlings[this.#chance.happens(0.5) ? 0 : 1]();
  }

  #answer(command: string, input: Raw): Raw {
    switch (command) {
      case "GetItemCommand":
        return this.#get(input);
      case "QueryCommand":
        return input["IndexName"] === dueIndexName ? this.#queryDue(input) : this.#query(input);
      case "PutItemCommand":
      case "UpdateItemCommand":
      case "DeleteItemCommand":
        return this.#write(command.replace("ItemCommand", ""), input);
      case "TransactWriteItemsCommand":
        this.counts.transactions += 1;
        return this.#transact(input);
      case "BatchWriteItemCommand":
        return this.#batch(input);
      default:
        return assert.fail(`the model does not know ${command}`);
    }
  }

  #get(input: Raw): Raw {
    const { Key } = input as unknown as Action;
    const item = this.at(Key);
    const read = readUnits(bytesOf(item), input["ConsistentRead"] === true);
    this.capacity.take("table", Key.pk, { read });
    return item === undefined ? {} : { Item: rawOf(item) };
  }

  #query(input: Raw): Raw {
    const { ExpressionAttributeValues: values = {} } = input as unknown as Action;
    const start = (input["ExclusiveStartKey"] as { sk: string } | undefined)?.sk;
    const partition = values[":pk"] as string;
    const all = this.items(partition, (values[":prefix"] as string | undefined) ?? "");
    if (input["ScanIndexForward"] === false) all.reverse();
    const sign = input["ScanIndexForward"] === false ? -1 : 1;
    const rest = start === undefined ? all : all.filter(({ sk }) => byBytes(sk, start) * sign > 0);
    const page: ModelItem[] = [];
    let bytes = 0;
    for (const item of rest.slice(0, input["Limit"] as number)) {
      page.push(item);
      bytes += bytesOf(item);
      if (bytes >= pageBytesMax) break;
    }
    this.capacity.take("table", partition, { read: readUnits(bytes, input["ConsistentRead"] === true) });
    const last = page.at(-1);
    const more =
      rest.length > page.length && last !== undefined ? { LastEvaluatedKey: { pk: last.pk, sk: last.sk } } : {};
    return { Items: page.map(rawOf), ...more };
  }

  #queryDue(input: Raw): Raw {
    const { ExpressionAttributeValues: values = {} } = input as unknown as Action;
    const [now, first = ""] = [values[":now"] as string, values[":first"] as string | undefined];
    assert.equal(
      input["KeyConditionExpression"],
      `dueShard = :shard AND dueAt ${first === "" ? "<= :now" : "BETWEEN :first AND :now"}`,
    );
    const { indexLags } = this.#chance.faults();
    const shard = values[":shard"] as number;
    const found = this.due(shard)
      .filter(({ dueAt = "" }) => dueAt >= first && dueAt <= now && !this.#chance.happens(indexLags))
      .sort((a, b) => byBytes(a.dueAt ?? "", b.dueAt ?? ""));
    const page = found.slice(0, input["Limit"] as number).map((item) => entryOf(item) as Raw);
    const bytes = page.reduce((sum, entry) => sum + itemBytes(entry), 0);
    this.capacity.take("index", shard, { read: readUnits(bytes, false) });
    return { Items: page.map(({ dueShard: _, ...keys }) => keys) };
  }

  #write(kind: string, input: Raw): Raw {
    const action = actionOf(input);
    const write = this.#writeOf(kind, action);
    if (!holds(write.before, action)) {
      this.counts.conflicts += 1;
      this.#chargeInVain([write], 1);
      throw conditionFailed(this.#asked(action));
    }
    this.#carryOut([write], 1);
    return {};
  }

  #transact(input: Raw): Raw {
    const token = input["ClientRequestToken"] as string;
    const done = this.#tokens.get(token);
    for (const { partition, read } of done ?? []) this.capacity.take("table", partition, { read });
    if (done !== undefined) return {};
    const actions = actionsOf(input).map(([kind, action]) => {
      return { action, write: this.#writeOf(kind, action) };
    });
    const writes = actions.map(({ write }) => write);
    assert(actions.length <= 100, "a transaction of more than 100 actions");
    this.counts.actionsMax = Math.max(this.counts.actionsMax, actions.length);
    const isRaced = this.#chance.happens(this.#chance.faults().raced);
    const reasons = actions.map(({ action, write }) => {
      if (isRaced) return { Code: "TransactionConflict" };
      return holds(write.before, action)
        ? { Code: "None" }
        : { Code: "ConditionalCheckFailed", item: this.#asked(action) };
    });
    if (reasons.some(({ Code }) => Code !== "None")) {
      this.counts.conflicts += 1;
      this.#chargeInVain(writes, transactionFactor);
      throw cancelled(reasons);
    }
    this.#carryOut(writes, transactionFactor);
    const read = ({ before, after }: Write) =>
      transactionFactor * readUnits(Math.max(bytesOf(before), bytesOf(after)), true);
    this.#tokens.set(
      token,
      writes.map((write) => ({ partition: write.key.pk, read: read(write) })),
    );
    return {};
  }

  #batch(input: Raw): Raw {
    const requests = requestsOf(input);
    assert(requests.length <= 25, "a batch of more than 25 items");
    const writes = requests.map(([kind, action]) => this.#writeOf(kind, action));
    const keys = new Set(writes.map(({ key }) => `${key.pk}\n${key.sk}`));
    assert.equal(keys.size, writes.length, "a batch with one key twice");
    this.#carryOut(writes, 1);
    return {};
  }

  #writeOf(kind: string, action: Action): Write {
    const { Key: key, Item } = action;
    const before = this.at(key);
    if (kind === "ConditionCheck") return { key, before, after: before };
    if (kind === "Delete") return { key, before, after: undefined };
    if (kind === "Put") return { key, before, after: itemOf(Item as Raw) };
    assert.equal(kind, "Update", `the model does not know ${kind}`);
    return { key, before, after: itemOf(updated(before, action)) };
  }

  /** What is given to somebody who asked for the item that his condition met. */
  #asked({ Key, ReturnValuesOnConditionCheckFailure }: Action): Raw | undefined {
    const item = ReturnValuesOnConditionCheckFailure === "ALL_OLD" ? this.at(Key) : undefined;
    return item === undefined ? undefined : rawOf(item);
  }

  #carryOut(writes: readonly Write[], factor: number): void {
    for (const { key, before, after } of writes) {
      this.capacity.take("table", key.pk, { write: factor * writeUnits(bytesOf(before), bytesOf(after)) });
      const [old, entry] = [entryOf(before), entryOf(after)];
      const isSame = old?.["dueShard"] === entry?.["dueShard"] && old?.["dueAt"] === entry?.["dueAt"];
      for (const changed of isSame ? [] : [old, entry]) {
        if (changed === undefined) continue;
        this.capacity.take("index", changed["dueShard"] as number, { write: writeUnits(itemBytes(changed)) });
      }
      this.counts.itemBytesMax = Math.max(this.counts.itemBytesMax, bytesOf(after));
      if (after === undefined) this.delete(key);
      else if (after !== before) this.put(after);
    }
  }

  /** What a condition was looked at costs as much as writing it, and nothing in the index. */
  #chargeInVain(writes: readonly Write[], factor: number): void {
    for (const { key, before } of writes) {
      this.capacity.take("table", key.pk, { write: factor * writeUnits(bytesOf(before)) });
    }
  }
}
