import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, DocumentStore, Key } from "../../core/ports/store.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { bodyBytesMax } from "./store-rules.ts";

/**
 * A store under test, empty or with documents of other partitions, and what to do when the tests
 * are over.
 */
export interface StoreUnderTest {
  readonly store: DocumentStore;
  stop(): Promise<void>;
}

const noon = "2026-11-24T12:00:00.000Z" as Instant;
const put = (key: Key, body: object, expect: Change["expect"] = "any"): Change => ({ type: "put", key, body, expect });

/** Increments a counter, loading and deciding again for as long as others write first. */
const increment = async (store: DocumentStore, key: Key): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    const before = await store.get<{ count: number }>(key);
    const count = (before?.body.count ?? 0) + 1;
    const expect = before === undefined ? "absent" : { version: before.version };
    try {
      return await store.commit([put(key, { count }, expect)]);
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
    }
  }
  assert.fail("200 tries were not enough to increment a counter");
};

const allPages = async (store: DocumentStore, options: Omit<Parameters<DocumentStore["query"]>[0], "cursor">) => {
  const sorts: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.query(cursor === undefined ? options : { ...options, cursor });
    assert(page.items.length <= options.limit);
    sorts.push(...page.items.map((item) => item.key.sort));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return sorts;
};

/** What every `DocumentStore` promises. Takes a function that starts one. */
export const storeConformance = (name: string, start: () => Promise<StoreUnderTest>): void => {
  describe(`the document store ${name}`, () => {
    let underTest: StoreUnderTest;
    let store: DocumentStore;
    before(async () => {
      underTest = await start();
      store = underTest.store;
    });
    after(() => underTest.stop());

    let partitions = 0;
    const freshPartition = () => `TEST#${++partitions}`;
    const freshKey = (sort = "A"): Key => ({ partition: freshPartition(), sort });

    test("gives undefined for a document that is not there", async () => {
      assert.equal(await store.get(freshKey()), undefined);
    });

    test("gives back the body as JSON has it, with its key and version 1", async () => {
      const key = freshKey();
      const body = { text: "快照 \u0000", empty: "", list: [1, -2.5, null, { deep: true }], none: {}, gone: undefined };
      await store.commit([put(key, body, "absent")]);
      const { gone: _, ...rest } = body;
      assert.deepEqual(await store.get(key), { key, version: 1, body: rest });
    });

    test("keeps a copy: what a caller does to a body afterwards changes nothing", async () => {
      const key = freshKey();
      const body = { list: [1] };
      await store.commit([put(key, body)]);
      body.list.push(2);
      const read = await store.get<typeof body>(key);
      read?.body.list.push(3);
      assert.deepEqual((await store.get(key))?.body, { list: [1] });
    });

    test("counts the version up with every put, whatever it expects", async () => {
      const key = freshKey();
      await store.commit([put(key, { n: 1 })]);
      await store.commit([put(key, { n: 2 })]);
      await store.commit([put(key, { n: 3 }, { version: 2 })]);
      assert.deepEqual(await store.get(key), { key, version: 3, body: { n: 3 } });
    });

    test("begins at version 1 again after a delete", async () => {
      const key = freshKey();
      await store.commit([put(key, {})]);
      await store.commit([put(key, {})]);
      await store.commit([{ type: "delete", key, expect: { version: 2 } }]);
      assert.equal(await store.get(key), undefined);
      await store.commit([put(key, {}, "absent")]);
      assert.equal((await store.get(key))?.version, 1);
    });

    test("deletes what is not there without complaint when it expects anything", async () => {
      await store.commit([{ type: "delete", key: freshKey(), expect: "any" }]);
    });

    for (const type of ["put", "delete", "check"] as const) {
      const change = (key: Key, expect: Change["expect"]): Change =>
        type === "put" ? { type, key, body: { changed: true }, expect } : { type, key, expect };

      test(`refuses a ${type} that expects absence of a document that is there`, async () => {
        const key = freshKey();
        await store.commit([put(key, {})]);
        await assert.rejects(store.commit([change(key, "absent")]), CommitConflict);
        assert.deepEqual(await store.get(key), { key, version: 1, body: {} });
      });

      test(`refuses a ${type} that expects another version`, async () => {
        const key = freshKey();
        await assert.rejects(store.commit([change(key, { version: 1 })]), CommitConflict);
        await store.commit([put(key, {})]);
        await assert.rejects(store.commit([change(key, { version: 2 })]), CommitConflict);
        assert.deepEqual(await store.get(key), { key, version: 1, body: {} });
      });
    }

    test("checks without writing", async () => {
      const [checked, absent, written] = [freshKey(), freshKey(), freshKey()];
      await store.commit([put(checked, {})]);
      await store.commit([
        { type: "check", key: checked, expect: { version: 1 } },
        { type: "check", key: absent, expect: "absent" },
        put(written, {}),
      ]);
      await store.commit([{ type: "check", key: absent, expect: "any" }]);
      assert.equal((await store.get(checked))?.version, 1);
      assert.equal(await store.get(absent), undefined);
      assert.equal((await store.get(written))?.version, 1);
    });

    test("writes 100 changes together, and none of them when one expectation fails", async () => {
      const partition = freshPartition();
      const changes = Array.from({ length: 100 }, (_, n) => put({ partition, sort: `${n + 100}` }, { n }, "absent"));
      const failing = [...changes.slice(0, 99), put({ partition, sort: "199" }, {}, { version: 7 })];
      await assert.rejects(store.commit(failing), CommitConflict);
      assert.deepEqual(await allPages(store, { partition, limit: 50 }), []);
      await store.commit(changes);
      assert.equal((await allPages(store, { partition, limit: 50 })).length, 100);
    });

    test("refuses 101 changes, none at all, and a key that is twice in a commit", async () => {
      const partition = freshPartition();
      const changes = Array.from({ length: 101 }, (_, n) => put({ partition, sort: `${n}` }, {}));
      await assert.rejects(store.commit(changes), /101 changes; 100/);
      await assert.rejects(store.commit([]), /without changes/);
      await assert.rejects(store.commit([...changes.slice(0, 1), ...changes.slice(0, 1)]), /twice/);
    });

    test("loses none of 20 increments at once", async () => {
      const key = freshKey();
      await Promise.all(Array.from({ length: 20 }, () => increment(store, key)));
      assert.deepEqual(await store.get(key), { key, version: 20, body: { count: 20 } });
    });

    test("lists a partition by sort key and prefix, in pages, both ways", async () => {
      const partition = freshPartition();
      const sorts = ["A#1", "B#01", "B#02", "B#10", "B#é", "B#快", "C#1"];
      await store.putAll(sorts.toReversed().map((sort) => ({ key: { partition, sort }, body: {} })));
      const inB = sorts.filter((sort) => sort.startsWith("B#"));
      assert.deepEqual(await allPages(store, { partition, limit: 3 }), sorts);
      assert.deepEqual(await allPages(store, { partition, limit: 100, prefix: "" }), sorts);
      assert.deepEqual(await allPages(store, { partition, prefix: "B#", limit: 2 }), inB);
      assert.deepEqual(
        await allPages(store, { partition, prefix: "B#", limit: 2, descending: true }),
        inB.toReversed(),
      );
      assert.deepEqual(await allPages(store, { partition: freshPartition(), limit: 2 }), []);
    });

    test("fills a page of many megabytes to its limit", async () => {
      const partition = freshPartition();
      const text = "x".repeat(300_000);
      await store.putAll(Array.from({ length: 8 }, (_, n) => ({ key: { partition, sort: `${n}` }, body: { text } })));
      const page = await store.query({ partition, limit: 7 });
      assert.equal(page.items.length, 7);
      assert.notEqual(page.cursor, undefined);
    });

    test("goes on after a cursor whose document is gone", async () => {
      const partition = freshPartition();
      await store.putAll(["1", "2", "3"].map((sort) => ({ key: { partition, sort }, body: {} })));
      const { cursor = "" } = await store.query({ partition, limit: 2 });
      await store.commit([{ type: "delete", key: { partition, sort: "2" }, expect: "any" }]);
      const rest = await store.query({ partition, limit: 2, cursor });
      assert.deepEqual(
        rest.items.map((item) => item.key.sort),
        ["3"],
      );
    });

    test("refuses a cursor of another list as a bad request", async () => {
      const partition = freshPartition();
      await store.putAll(["A1", "A2"].map((sort) => ({ key: { partition, sort }, body: {} })));
      const { cursor = "" } = await store.query({ partition, prefix: "A", limit: 1 });
      const isBadRequest = (error: unknown) => VisibleError.is(error, "BAD_REQUEST");
      await assert.rejects(store.query({ partition, prefix: "B", limit: 1, cursor }), isBadRequest);
      await assert.rejects(store.query({ partition, limit: 1, cursor: "no cursor!" }), isBadRequest);
    });

    test("finds what is due, the longest overdue first, and nothing that is not", async () => {
      const partition = freshPartition();
      const seconds = [5, 3, 4, 1, 2, 0, -1, -1000];
      for (const second of seconds) {
        const key = { partition, sort: `${second}` };
        await store.commit([{ ...put(key, {}), dueAt: addSeconds(noon, -second) } as Change]);
      }
      await store.commit([put({ partition, sort: "never" }, {})]);
      const due = async (limit: number) =>
        (await store.due({ now: noon, limit })).filter((key) => key.partition === partition).map((key) => key.sort);
      assert.deepEqual(await due(100), ["5", "4", "3", "2", "1", "0"]);
      assert.deepEqual(await due(2), ["5", "4"]);
      const after = addSeconds(noon, -3);
      const between = await store.due({ now: addSeconds(noon, 1), after, limit: 100 });
      assert.deepEqual(
        between.map(({ sort }) => sort),
        ["2", "1", "0", "-1"],
      );
      for (const second of seconds) {
        await store.commit([{ type: "delete", key: { partition, sort: `${second}` }, expect: "any" }]);
      }
      assert.deepEqual(await due(100), []);
    });

    test("forgets that a document is due once a put drops or moves its instant", async () => {
      const [dropped, moved, replaced] = [freshKey(), freshKey(), freshKey()];
      const keys = [dropped, moved, replaced];
      await store.commit(keys.map((key) => ({ ...put(key, {}), dueAt: noon }) as Change));
      assert.equal((await store.due({ now: noon, limit: 100 })).length, 3);
      await store.commit([put(dropped, {}, { version: 1 })]);
      await store.commit([{ ...put(moved, {}), dueAt: addSeconds(noon, 60) } as Change]);
      await store.putAll([{ key: replaced, body: {} }]);
      assert.deepEqual(await store.due({ now: noon, limit: 100 }), []);
      const dueAt = addSeconds(noon, 60);
      assert.deepEqual(await store.due({ now: dueAt, limit: 100 }), [{ ...moved, dueAt }]);
      assert.equal((await store.get(moved))?.dueAt, dueAt);
    });

    test("deletes many documents at once, and those that are not there without complaint", async () => {
      const partition = freshPartition();
      const keys = Array.from({ length: 60 }, (_, n) => ({ partition, sort: `${n}`.padStart(2, "0") }));
      await store.putAll(keys.map((key) => ({ key, body: {} })));
      await store.deleteAll([...keys.slice(1), { partition, sort: "99" }, keys[5] as Key]);
      assert.deepEqual(await allPages(store, { partition, limit: 100 }), ["00"]);
      await store.deleteAll([]);
    });

    test("writes many documents at once, the later of two with one key, and replaces what is there", async () => {
      const partition = freshPartition();
      await store.commit([put({ partition, sort: "1000" }, { old: true })]);
      const documents = Array.from({ length: 260 }, (_, n) => ({
        key: { partition, sort: `${1000 + (n % 256)}` },
        body: { n },
        expiresAt: addSeconds(noon, 1_000_000_000),
      }));
      await store.putAll(documents);
      await store.putAll([]);
      assert.equal((await allPages(store, { partition, limit: 100 })).length, 256);
      assert.deepEqual((await store.get({ partition, sort: "1000" }))?.body, { n: 256 });
      assert.deepEqual((await store.get({ partition, sort: "1004" }))?.body, { n: 4 });
    });

    test("takes a body of 380 KB and refuses a larger one by name", async () => {
      const key = freshKey();
      const frame = JSON.stringify({ text: "" }).length;
      await store.commit([put(key, { text: "x".repeat(bodyBytesMax - frame) }, "absent")]);
      const tooLarge = { text: "x".repeat(bodyBytesMax - frame + 1) };
      await assert.rejects(store.commit([put(key, tooLarge)]), new RegExp(`${key.partition} A has 389121 bytes`));
      await assert.rejects(store.putAll([{ key, body: tooLarge }]), /389121 bytes/);
    });

    test("refuses a commit of more than 4 MB", async () => {
      const partition = freshPartition();
      const text = "x".repeat(370_000);
      const changes = Array.from({ length: 11 }, (_, n) => put({ partition, sort: `${n}` }, { text }));
      await store.commit(changes.slice(0, 10));
      await assert.rejects(store.commit(changes), /4000000 are the most/);
    });
  });
};
