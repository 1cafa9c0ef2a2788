import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ConsumedCapacity, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import fc from "fast-check";
import type { Instant } from "../../core/api/ids.ts";
import { type Change, CommitConflict, type DocumentStore, documentFormat } from "../../core/ports/store.ts";
import { createClients } from "../../functions/aws/clients.ts";
import { createDynamodbStore } from "../../functions/aws/dynamodb-store.ts";
import { ensureTables } from "../../functions/aws/table.ts";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import type { Emulator } from "../../infra/local/emulators/emulator.ts";
import { itemBytes } from "./capacity.ts";
import { createModelClient } from "./model-client.ts";
import { ModelTable } from "./model-table.ts";

/** What one request consumed, by who says so. */
interface Said {
  readonly command: string;
  readonly table: number;
  readonly index: number;
}

const tableName = "capacity";
const noon = "2026-11-24T12:00:00.000Z" as Instant;
const never = { throttled: 0, answerLost: 0, raced: 0, indexLags: 0 };

/** Asks dynoxide with every request what it consumed. */
const listen = (client: DynamoDBClient, said: Said[]): void => {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: "INDEXES" } as never });
      const { ConsumedCapacity } = result.output as { ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[] };
      const [capacity] = [ConsumedCapacity ?? []].flat();
      if (capacity !== undefined) {
        const index = capacity.GlobalSecondaryIndexes?.["due"]?.CapacityUnits ?? 0;
        const command = context.commandName as string;
        said.push({ command, table: capacity.Table?.CapacityUnits ?? 0, index });
      }
      return result;
    },
    { step: "initialize", name: "listen" },
  );
};

const modelStore = (said: Said[]): DocumentStore => {
  const table = new ModelTable({ faults: () => never, happens: () => false });
  const client = createModelClient(table, async (request, command) => {
    const answer = request();
    const of = (place: string) =>
      [...table.capacity.last]
        .filter(([name]) => name.startsWith(place))
        .reduce((sum, [, { write, read }]) => sum + write + read, 0);
    said.push({ command, table: of("table"), index: of("index") });
    return answer;
  });
  return createDynamodbStore({ client, tableName });
};

describe("what the model of DynamoDB counts as consumed is what dynoxide says", () => {
  const [byDynoxide, byModel]: [Said[], Said[]] = [[], []];
  let emulator: Emulator;
  let dir: string;
  let stores: readonly DocumentStore[];
  let end: () => void;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-capacity-"));
    emulator = await startDynamo({ dir });
    const { dynamodb, destroy } = createClients({ AWS_ENDPOINT_URL_DYNAMODB: emulator.endpoint });
    end = destroy;
    await ensureTables(dynamodb, tableName);
    listen(dynamodb, byDynoxide);
    stores = [createDynamodbStore({ client: dynamodb, tableName }), modelStore(byModel)];
  });
  after(async () => {
    end();
    await emulator.stop();
    await rm(dir, { recursive: true });
  });

  /** Does the same to both. What a request that fails consumed, DynamoDB says to nobody. */
  const both = async (act: (store: DocumentStore) => Promise<unknown>): Promise<readonly Said[]> => {
    byDynoxide.length = 0;
    byModel.length = 0;
    for (const store of stores) {
      await act(store).catch((error) => {
        if (!(error instanceof CommitConflict)) throw error;
      });
    }
    // Requests that are made at once end in any order.
    const sorted = (said: readonly Said[]) => said.map((one) => JSON.stringify(one)).sort();
    assert.deepEqual(sorted(byModel), sorted(byDynoxide));
    return byModel;
  };
  const units = async (act: (store: DocumentStore) => Promise<unknown>) => {
    const said = await both(act);
    return said.reduce((sum, { table, index }) => sum + table + index, 0);
  };

  let partitions = 0;
  const freshKey = (sort = "A") => ({ partition: `P#${++partitions}`, sort });
  const put = (key: ReturnType<typeof freshKey>, kilobytes: number, more: object = {}): Change =>
    ({
      type: "put",
      key,
      body: { text: "x".repeat(Math.max(0, kilobytes * 1024 - 300)) },
      expect: "any",
      ...more,
    }) as Change;

  test("a write costs a unit for each started kilobyte, of what was there or is there, whichever is larger", async () => {
    const key = freshKey();
    assert.equal(await units((store) => store.commit([put(key, 0)])), 1);
    assert.equal(await units((store) => store.commit([put(key, 3)])), 4 - 1);
    assert.equal(await units((store) => store.commit([put(key, 0)])), 4 - 1);
    assert.equal(await units((store) => store.commit([{ type: "delete", key, expect: "any" }])), 1);
    assert.equal(await units((store) => store.commit([{ type: "delete", key, expect: "any" }])), 1);
  });

  test("the index costs a unit for an entry that comes, goes or stays in another place: there, two", async () => {
    const key = freshKey();
    assert.equal(await units((store) => store.commit([put(key, 0, { dueAt: noon })])), 2);
    assert.equal(await units((store) => store.commit([put(key, 3, { dueAt: noon })])), 3);
    const later = "2026-11-24T12:00:01.000Z";
    assert.equal(await units((store) => store.commit([put(key, 0, { dueAt: later })])), 3 + 2);
    assert.equal(await units((store) => store.putAll([{ key, body: {} }])), 1 + 1);
  });

  test("a transaction costs twice as much, its checks too, and the index what it costs anyway", async () => {
    const [changed, checked, absent, gone] = [freshKey(), freshKey(), freshKey(), freshKey()];
    await both((store) => store.commit([put(checked, 2)]));
    await both((store) => store.commit([put(gone, 4)]));
    const act = (store: DocumentStore) =>
      store.commit([
        put(changed, 0, { dueAt: noon, expect: "absent" }),
        { type: "check", key: checked, expect: { version: 1 } },
        { type: "check", key: absent, expect: "absent" },
        { type: "delete", key: gone, expect: { version: 1 } },
      ]);
    assert.equal(await units(act), 2 * (1 + 2 + 1 + 4) + 1);
  });

  test("a read costs a unit for four kilobytes, of all that a query finds together, and one where nothing is", async () => {
    const [first, second] = [freshKey("A1"), freshKey("A2")];
    const other = { ...first, sort: second.sort };
    await both((store) => store.putAll([put(first, 5) as never, put(other, 5) as never]));
    assert.equal(await units((store) => store.get(first)), 2);
    assert.equal(await units((store) => store.get(freshKey())), 1);
    assert.equal(await units((store) => store.query({ partition: first.partition, limit: 10 })), 3);
    assert.equal(await units((store) => store.query({ partition: "none", limit: 10 })), 1);
  });

  test("the index is asked for half a unit in each of its shards, however little is due", async () => {
    const key = freshKey();
    await both((store) => store.commit([put(key, 3, { dueAt: noon })]));
    assert.equal(await units((store) => store.due({ now: noon, limit: 100 })), 16);
  });

  test("an item has as many bytes as dynoxide says: one less than fits costs a unit less than one more", async () => {
    const number = fc.oneof(
      fc.integer(),
      fc.maxSafeInteger(),
      fc.tuple(fc.integer({ max: 99999 }), fc.nat(9999)).map(([whole, part]) => Number(`${whole}.${part}`)),
      fc.integer({ min: 1, max: 9 }).map((digit) => digit * 1000),
    );
    // The SDK sets what is named so as the prototype of what it sends, and no document has it.
    const name = fc.string({ unit: "grapheme" }).filter((it) => it !== "__proto__");
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom(null, true, false),
        number,
        fc.string({ unit: "grapheme" }),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(value, async (some) => {
        const key = freshKey();
        const bytes = itemBytes({
          ...{ pk: key.partition, sk: key.sort, version: 1, format: documentFormat },
          body: { some, pad: "" },
        });
        const kilobytes = Math.ceil(bytes / 1024);
        const pad = "x".repeat(kilobytes * 1024 - bytes);
        assert.equal(await units((store) => store.putAll([{ key, body: { some, pad } }])), kilobytes);
        assert.equal(await units((store) => store.putAll([{ key, body: { some, pad: `${pad}x` } }])), kilobytes + 1);
      }),
      { numRuns: 200 },
    );
  });

  test("whatever the adapter is asked to do, one thing after the other", async () => {
    const key = fc.nat(4).map((n) => ({ partition: `any ${n % 2}`, sort: `${n}` }));
    const size = fc.nat(9);
    const expect = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("any" as const) },
      fc.constantFrom("absent" as const),
      fc.integer({ min: 1, max: 3 }).map((version) => ({ version })),
    );
    const due = fc.constantFrom({}, { dueAt: noon }, { dueAt: "2026-11-24T12:00:05.000Z" });
    const change = fc.oneof(
      fc.tuple(key, size, expect, due).map(([one, kb, expected, at]) => put(one, kb, { expect: expected, ...at })),
      fc.record({ type: fc.constantFrom("delete" as const, "check" as const), key, expect }),
    );
    const act = fc.oneof(
      { weight: 3, arbitrary: fc.uniqueArray(change, { minLength: 1, selector: ({ key: one }) => one.sort }) },
      fc.constantFrom("query", "get", "due"),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 20 }), async (acts) => {
        for (const one of acts) {
          await both(async (store) => {
            if (one === "query") return store.query({ partition: "any 1", limit: 2 });
            if (one === "get") return store.get({ partition: "any 0", sort: "0" });
            if (one === "due") return store.due({ now: noon, limit: 5 });
            return store.commit(one as Change[]);
          });
        }
      }),
      { numRuns: 30 },
    );
  });
});
