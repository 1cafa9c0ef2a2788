import assert from "node:assert/strict";
import { test } from "node:test";
import { type Change, CommitConflict, type DocumentStore } from "../../core/ports/store.ts";
import { createDynamodbStore } from "../../functions/aws/dynamodb-store.ts";
import { usualTries } from "../../functions/aws/tries.ts";
import { createModelClient } from "./model-client.ts";
import { ModelTable } from "./model-table.ts";
import { TimedTable } from "./timed-table.ts";

const never = { throttled: 0, answerLost: 0, raced: 0, indexLags: 0 };

const setUp = () => {
  const table = new ModelTable({ faults: () => never, happens: () => false });
  const timed = new TimedTable(() => table);
  const tries = { ...usualTries, time: timed, fraction: () => 1 };
  const store = createDynamodbStore({ client: createModelClient(table, timed.passage), tableName: "timed", tries });
  /**
   * @returns when each of what is begun at once has ended, in milliseconds, or what it failed with
   */
  const together = async (acts: readonly ((store: DocumentStore) => Promise<unknown>)[]) => {
    const { time } = timed;
    const startMs = time.nowMs();
    const end = timed.begin();
    const ended = acts.map((act) =>
      act(store).then(
        () => time.nowMs() - startMs,
        (error: unknown) => error,
      ),
    );
    await time.advance(600_000);
    end();
    return Promise.all(ended);
  };
  return { table, store, together };
};

const put = (partition: string, sort: string, kilobytes = 0): Change => ({
  type: "put",
  key: { partition, sort },
  body: { text: "x".repeat(kilobytes * 1024) },
  expect: "any",
});

test("a request takes 5 ms, a transaction 10, and others at the same time no longer", async () => {
  const { together } = setUp();
  const single = (store: DocumentStore) => store.commit([put("A", "1")]);
  const double = (store: DocumentStore) => store.commit([put("B", "1"), put("B", "2")]);
  const read = (store: DocumentStore) => store.get({ partition: "C", sort: "1" });
  assert.deepEqual(await together([single, double, read]), [5, 10, 5]);
});

test("a partition takes 1,000 write units a second, and who comes first is served first", async () => {
  const { together } = setUp();
  const writes = Array.from({ length: 5 }, (_, n) => (store: DocumentStore) => store.commit([put("A", `${n}`, 99)]));
  const elsewhere = (store: DocumentStore) => store.commit([put("B", "1", 99)]);
  assert.deepEqual(await together([...writes, elsewhere]), [5, 105, 205, 305, 405, 5]);
});

test("a partition takes 3,000 read units a second, whoever writes to it", async () => {
  const { store, together } = setUp();
  for (let n = 0; n < 4; n += 1) await store.commit([put("A", `${n}`, 299)]);
  const query = (reader: DocumentStore) => reader.query({ partition: "A", limit: 4 });
  const [first, second, write] = await together([query, query, (one) => one.commit([put("A", "x")])]);
  assert.deepEqual([first, write], [5, 5]);
  // 300 read units before it.
  assert.ok(typeof second === "number" && second > 100 && second < 210, `${second}`);
});

test("of two transactions with one item, the one that comes while the other is at work is refused, and tries again", async () => {
  const { table, together } = setUp();
  const both = (sort: string) => (store: DocumentStore) => store.commit([put("A", "shared"), put("A", sort)]);
  const [first, second] = await together([both("1"), both("2")]);
  assert.equal(first, 10);
  assert.ok(typeof second === "number" && second >= 5 + 50 + 10, `${second}`);
  assert.equal(table.counts.conflicts, 1);
  assert.deepEqual(
    table.list("A").map(({ sort }) => sort),
    ["1", "2", "shared"],
  );
});

test("what was read before somebody else's transaction ended is too old to write", async () => {
  const { store, together } = setUp();
  await store.commit([put("A", "shared")]);
  const change = async (one: DocumentStore) => {
    const stored = await one.get({ partition: "A", sort: "shared" });
    const expect = { version: stored?.version ?? 0 };
    await one.commit([{ type: "check", key: { partition: "A", sort: "other" }, expect: "absent" }]);
    await one.commit([{ ...put("A", "shared"), expect } as Change]);
  };
  const ended = await together([change, change]);
  assert.equal(ended.filter((one) => one instanceof CommitConflict).length, 1);
});
