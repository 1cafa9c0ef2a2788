import assert from "node:assert/strict";
import {
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  ThrottlingException,
  TransactionCanceledException,
} from "@aws-sdk/client-dynamodb";
import { clientConfig } from "../../functions/aws/clients.ts";
import { dueIndexName } from "../../functions/aws/table.ts";

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

interface Item {
  readonly pk: string;
  readonly sk: string;
  readonly version: number;
  readonly dueShard?: number;
  readonly dueAt?: string;
  readonly ttl?: number;
  readonly body: string;
}

type Raw = Readonly<Record<string, unknown>>;
interface Action {
  readonly Key: { readonly pk: string; readonly sk: string };
  readonly ConditionExpression?: string;
  readonly UpdateExpression?: string;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Raw;
}

/** DynamoDB orders sort keys by their UTF-8 bytes. */
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

const rawOf = ({ body, ...rest }: Item): Raw => ({ ...rest, body: JSON.parse(body) });

const itemOf = (raw: Raw): Item => ({ ...(raw as unknown as Item), body: JSON.stringify(raw["body"]) });

const holds = (item: Item | undefined, { ConditionExpression, ExpressionAttributeValues }: Action): boolean => {
  switch (ConditionExpression) {
    case undefined:
    case "attribute_exists(pk) OR attribute_not_exists(pk)":
      return true;
    case "attribute_not_exists(pk)":
      return item === undefined;
    case "#version = :expected":
      return item?.version === ExpressionAttributeValues?.[":expected"];
    default:
      return assert.fail(`the model does not know the condition ${ConditionExpression}`);
  }
};

const counting = "if_not_exists(#version, :zero) + :one";

/** `SET #a = :a, … REMOVE #b, …` of all attributes, with the one sum that the adapter has. */
const updated = (before: Item | undefined, action: Action): Item => {
  const { Key, UpdateExpression = "", ExpressionAttributeNames = {}, ExpressionAttributeValues = {} } = action;
  // The adapter replaces every attribute: of what was there, the version counts.
  const raw: Record<string, unknown> = { ...Key };
  const [sets = "", removals] = UpdateExpression.replace(/^SET /, "").split(" REMOVE ");
  for (const set of sets.replace(counting, ":counted").split(", ")) {
    const [name = "", value = ""] = set.split(" = ");
    raw[ExpressionAttributeNames[name] ?? assert.fail(set)] =
      value === ":counted" ? (before?.version ?? 0) + 1 : ExpressionAttributeValues[value];
  }
  const named = [...Object.keys(raw), ...(removals?.split(", ") ?? []).map((name) => ExpressionAttributeNames[name])];
  for (const name of Object.keys(before ?? {})) assert(named.includes(name), `the update leaves ${name} as it was`);
  return itemOf(raw);
};

const throttlings = [
  () => new ThrottlingException({ message: "Rate of requests exceeds the allowed throughput.", $metadata: {} }),
  () => new ProvisionedThroughputExceededException({ message: "The table's throughput is exceeded.", $metadata: {} }),
];

const cancelled = (codes: readonly string[]) =>
  new TransactionCanceledException({
    message: "cancelled",
    $metadata: {},
    CancellationReasons: codes.map((Code) => ({ Code })),
  });

/** What the SDK makes of a connection that breaks before the answer. */
const answerLost = () => Object.assign(new Error("the answer got lost"), { name: "TimeoutError" });

/**
 * DynamoDB as a model, for the requests that functions/aws/dynamodb-store.ts makes: items,
 * conditions, transactions with their tokens, the index, and on top of that what goes wrong with
 * DynamoDB. No more of its expressions than those.
 */
export class ModelTable {
  readonly #partitions = new Map<string, Map<string, Item>>();
  readonly #due = new Map<number, Map<string, Item>>();
  readonly #tokens = new Set<string>();
  readonly #chance: TableChance;
  /**
   * How often requests were refused for lack of throughput, how many there were, and how large they
   * were at most.
   */
  readonly counts = { requests: 0, throttled: 0, itemBytesMax: 0, actionsMax: 0 };

  constructor(chance: TableChance) {
    this.#chance = chance;
  }

  /** Documents of a partition, without faults: for checks. */
  list<T>(partition: string, prefix = ""): { readonly sort: string; readonly body: T }[] {
    return this.#items(partition, prefix).map(({ sk, body }) => ({ sort: sk, body: JSON.parse(body) as T }));
  }

  get<T>(partition: string, sort: string): T | undefined {
    const item = this.#partitions.get(partition)?.get(sort);
    return item === undefined ? undefined : (JSON.parse(item.body) as T);
  }

  /** The table as it is now, to be set back to. */
  copy(): readonly Readonly<Record<string, unknown>>[] {
    return [...this.#partitions.values()].flatMap((items) => [...items.values()]).map((item) => ({ ...item }));
  }

  /** Restores the table to an earlier point in time. */
  setBack(copy: ReturnType<ModelTable["copy"]>): void {
    this.#partitions.clear();
    this.#due.clear();
    for (const item of copy) this.#put(item as unknown as Item);
  }

  /** When the sweep has the next document to look at. */
  nextDue(): string | undefined {
    return [...this.#due.values()]
      .flatMap((shard) => [...shard.values()])
      .map(({ dueAt }) => dueAt ?? "")
      .sort()[0];
  }

  /** What time to live would delete by `now`, in whole seconds since 1970. @returns how many */
  expire(nowSeconds: number): number {
    let count = 0;
    for (const items of this.#partitions.values()) {
      for (const { pk, sk, ttl } of items.values()) {
        if (ttl === undefined || ttl >= nowSeconds) continue;
        this.#delete({ pk, sk });
        count += 1;
      }
    }
    return count;
  }

  /** Answers one request of the adapter, or fails as DynamoDB does. */
  request(command: string, input: Raw): Raw {
    this.counts.requests += 1;
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

  /** A request that is throttled fails as a whole, or, where DynamoDB does it so, in part. */
  #throttled(command: string, input: Raw): Raw | undefined {
    if (command === "TransactWriteItemsCommand" && this.#chance.happens(0.5)) {
      const actions = input["TransactItems"] as readonly unknown[];
      throw cancelled(actions.map((_, index) => (index === 0 ? "ThrottlingError" : "None")));
    }
    if (command === "BatchWriteItemCommand" && this.#chance.happens(0.5)) {
      const [[tableName, requests = []] = ["", []]] = Object.entries(input["RequestItems"] as Record<string, Raw[]>);
      const left = requests.filter(() => this.#chance.happens(0.5));
      this.#answer(command, { RequestItems: { [tableName]: requests.filter((one) => !left.includes(one)) } });
      return { UnprocessedItems: left.length === 0 ? {} : { [tableName]: left } };
    }
    throw (throttlings[this.#chance.happens(0.5) ? 0 : 1] as (typeof throttlings)[number])();
  }

  #answer(command: string, input: Raw): Raw {
    switch (command) {
      case "GetItemCommand": {
        const { pk, sk } = (input as unknown as Action).Key;
        assert.equal(input["ConsistentRead"], true);
        const item = this.#partitions.get(pk)?.get(sk);
        return item === undefined ? {} : { Item: rawOf(item) };
      }
      case "QueryCommand":
        return input["IndexName"] === dueIndexName ? this.#queryDue(input) : this.#query(input);
      case "UpdateItemCommand":
        this.#put(updated(this.#at((input as unknown as Action).Key), input as unknown as Action));
        return {};
      case "DeleteItemCommand":
        this.#delete((input as unknown as Action).Key);
        return {};
      case "TransactWriteItemsCommand":
        return this.#transact(input);
      case "BatchWriteItemCommand":
        return this.#batch(input);
      default:
        return assert.fail(`the model does not know ${command}`);
    }
  }

  #query(input: Raw): Raw {
    const { ExpressionAttributeValues: values = {} } = input as unknown as Action;
    const start = (input["ExclusiveStartKey"] as { sk: string } | undefined)?.sk;
    const limit = input["Limit"] as number;
    const all = this.#items(values[":pk"] as string, (values[":prefix"] as string | undefined) ?? "");
    if (input["ScanIndexForward"] === false) all.reverse();
    const sign = input["ScanIndexForward"] === false ? -1 : 1;
    const rest = start === undefined ? all : all.filter(({ sk }) => byBytes(sk, start) * sign > 0);
    const page = rest.slice(0, limit);
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
    const found = [...(this.#due.get(values[":shard"] as number)?.values() ?? [])]
      .filter(({ dueAt = "" }) => dueAt >= first && dueAt <= now && !this.#chance.happens(indexLags))
      .sort((a, b) => byBytes(a.dueAt ?? "", b.dueAt ?? ""));
    return { Items: found.slice(0, input["Limit"] as number).map(({ pk, sk, dueAt }) => ({ pk, sk, dueAt })) };
  }

  #transact(input: Raw): Raw {
    const token = input["ClientRequestToken"] as string;
    if (this.#tokens.has(token)) return {};
    const actions = (input["TransactItems"] as readonly Readonly<Record<string, Action>>[]).map(
      (one) => Object.entries(one)[0] as [string, Action],
    );
    assert(actions.length <= 100, "a transaction of more than 100 actions");
    this.counts.actionsMax = Math.max(this.counts.actionsMax, actions.length);
    if (this.#chance.happens(this.#chance.faults().raced)) throw cancelled(actions.map(() => "TransactionConflict"));
    const codes = actions.map(([, action]) =>
      holds(this.#at(action.Key), action) ? "None" : "ConditionalCheckFailed",
    );
    if (codes.some((code) => code !== "None")) throw cancelled(codes);
    for (const [kind, action] of actions) {
      if (kind === "Update") this.#put(updated(this.#at(action.Key), action));
      if (kind === "Delete") this.#delete(action.Key);
    }
    this.#tokens.add(token);
    return {};
  }

  #batch(input: Raw): Raw {
    const requests = Object.values(input["RequestItems"] as Record<string, { PutRequest: { Item: Raw } }[]>).flat();
    assert(requests.length <= 25, "a batch of more than 25 items");
    for (const { PutRequest } of requests) this.#put(itemOf(PutRequest.Item));
    return {};
  }

  #at({ pk, sk }: Action["Key"]): Item | undefined {
    return this.#partitions.get(pk)?.get(sk);
  }

  #items(partition: string, prefix: string): Item[] {
    return [...(this.#partitions.get(partition)?.values() ?? [])]
      .filter(({ sk }) => sk.startsWith(prefix))
      .sort((a, b) => byBytes(a.sk, b.sk));
  }

  #put(item: Item): void {
    this.#delete(item);
    this.counts.itemBytesMax = Math.max(this.counts.itemBytesMax, Buffer.byteLength(item.body));
    const items = this.#partitions.get(item.pk) ?? new Map<string, Item>();
    this.#partitions.set(item.pk, items.set(item.sk, item));
    if (item.dueShard === undefined) return;
    const shard = this.#due.get(item.dueShard) ?? new Map<string, Item>();
    this.#due.set(item.dueShard, shard.set(`${item.pk}\n${item.sk}`, item));
  }

  #delete(key: Action["Key"]): void {
    const before = this.#at(key);
    this.#partitions.get(key.pk)?.delete(key.sk);
    if (before?.dueShard !== undefined) this.#due.get(before.dueShard)?.delete(`${key.pk}\n${key.sk}`);
  }
}

/** What every request goes through on its way to the table: the world kills functions there. */
export type Passage = (request: () => Raw, command: string) => Promise<Raw>;

/**
 * A client of the SDK whose requests end at the model. The SDK's own retries are in between, with
 * the settings that the functions run with; what is left out is the wire: the form of requests,
 * signatures, HTTP.
 */
export const createModelClient = (table: ModelTable, passage: Passage): DynamoDBClient => {
  const client = new DynamoDBClient(clientConfig({ AWS_ENDPOINT_URL: "http://127.0.0.1:1" }, "DYNAMODB"));
  const retries = client.middlewareStack.clone();
  // That one is placed beside another and not among the names.
  for (const described of [...retries.identify(), "httpAuthSchemeMiddleware"]) {
    const [name = ""] = described.split(" ");
    if (name !== "retryMiddleware") retries.remove(name);
  }
  const send = retries.resolve(async ({ input, request }) => {
    const { command } = request as { command: string };
    const output = await passage(() => table.request(command, input as Raw), command);
    return { output: { $metadata: {}, ...output }, response: {} } as never;
  }, {});
  client.middlewareStack.add(
    (_, context) => async (args) =>
      (await send({ ...args, request: { command: context.commandName } } as never)) as never,
    { step: "initialize", priority: "high", name: "modelTable" },
  );
  return client;
};
