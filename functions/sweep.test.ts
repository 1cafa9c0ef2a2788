import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "../core/api/ids.ts";
import { CommitConflict, type DocumentStore, type Key } from "../core/ports/store.ts";
import type { Deps } from "./deps.ts";
import { createMemoryStore } from "./memory/store.ts";
import { createMemoryTaskQueue } from "./memory/task-queue.ts";
import { handleSweep } from "./sweep.ts";

const now = "2026-03-01T00:30:00.000Z" as Instant;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

const depsOver = (store: DocumentStore): Deps => ({
  store,
  tasks: createMemoryTaskQueue(),
  scheduler: { put: async () => undefined, remove: async () => undefined },
  clock: { now: () => now },
  ids: { planId: () => assert.fail("no plan is made here"), fraction: () => 0 },
  log: quiet,
});

/** Documents that nobody looks after, so that each of them fails. */
const strangers = async (store: DocumentStore, names: readonly string[]): Promise<readonly Key[]> => {
  const keys = names.map((sort): Key => ({ partition: "STRANGERS", sort }));
  for (const key of keys) await store.commit([{ type: "put", key, body: {}, expect: "absent", dueAt: now }]);
  return keys;
};

test("a sweep puts off what it can't move on, so that it does not stand in the way of others", async () => {
  const store = createMemoryStore();
  await strangers(store, ["A", "B"]);
  assert.deepEqual(await handleSweep(depsOver(store)), { due: 2, failed: 2, stuck: [] });
  assert.deepEqual(await handleSweep(depsOver(store)), { due: 0, failed: 0, stuck: [] });
});

test("a document that can't even be put off does not keep the sweep from the others", async () => {
  const store = createMemoryStore();
  const [busy] = await strangers(store, ["A", "B"]);
  const commit: DocumentStore["commit"] = async (changes) => {
    if (changes.some(({ key }) => key.sort === busy?.sort)) throw new CommitConflict();
    await store.commit(changes);
  };
  assert.deepEqual(await handleSweep(depsOver({ ...store, commit })), { due: 2, failed: 2, stuck: [] });
  assert.deepEqual(
    (await store.due({ now, limit: 10 })).map(({ sort }) => sort),
    [busy?.sort],
  );
});
