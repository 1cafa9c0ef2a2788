import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../core/api/errors.ts";
import type { Instant, RunId } from "../core/api/ids.ts";
import { addSeconds } from "../core/ports/clock.ts";
import { CommitConflict, type DocumentStore, type Key } from "../core/ports/store.ts";
import { expiriesKey, expiryKey, runKey, runPlanKey } from "./documents/records.ts";
import { createMemoryStore } from "./memory/store.ts";
import { createMemoryTaskQueue } from "./memory/task-queue.ts";
import type { Deps } from "./ports/deps.ts";
import { handleSweep } from "./sweep.ts";

const now = "2026-03-01T00:30:00.000Z" as Instant;
const quiet = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };

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

/** Outbox entries that want nothing more: whoever takes one up deletes it. */
const entries = async (store: DocumentStore, count: number, dueAt: (index: number) => Instant): Promise<void> => {
  const effects = { of: "plan", planId: "plan_00000000000000000000000001", effects: [] };
  for (let index = 0; index < count; index += 1) {
    const key = { partition: "PLAN#1", sort: `OUTBOX#${index.toString().padStart(5, "0")}` };
    await store.commit([{ type: "put", key, body: { effects, failures: 0 }, expect: "absent", dueAt: dueAt(index) }]);
  }
};

test("a sweep takes all that is due, also what is due at the same instant, and asks for no more than a page at once", async () => {
  const store = createMemoryStore();
  await entries(store, 1_700, (index) => addSeconds(now, index < 1_200 ? -60 : -1));
  const pages: number[] = [];
  const due: DocumentStore["due"] = async (options) => {
    const page = await store.due(options);
    pages.push(page.length);
    return page;
  };
  assert.deepEqual(await handleSweep(depsOver({ ...store, due })), { due: 1_700, failed: 0, stuck: [] });
  assert.deepEqual(await store.due({ now, limit: 1 }), []);
  assert.equal(Math.max(...pages), 500);
});

test("a whole page that can be neither moved nor put off keeps nothing from being swept that is due at its instant", async () => {
  const store = createMemoryStore();
  await entries(store, 900, () => addSeconds(now, -60));
  const isStuck = ({ sort }: { readonly sort: string }) => sort < "OUTBOX#00600";
  const commit: DocumentStore["commit"] = async (changes) => {
    if (changes.some(({ key }) => isStuck(key))) throw new CommitConflict();
    await store.commit(changes);
  };
  const { due, failed } = await handleSweep(depsOver({ ...store, commit }));
  assert.deepEqual([due, failed], [900, 600]);
  assert.equal((await store.due({ now, limit: 1_000 })).length, 600);
});

test("a sweep begins nothing new when its time is up, and the next one goes on", async () => {
  const store = createMemoryStore();
  await entries(store, 40, () => addSeconds(now, -60));
  const slow = { ...depsOver(store) };
  let seconds = 0;
  const clock = { now: () => addSeconds(now, seconds) };
  const commit: DocumentStore["commit"] = async (changes) => {
    seconds += 5;
    await store.commit(changes);
  };
  const deps = { ...slow, store: { ...store, commit }, clock };
  await handleSweep(deps);
  const left = (await store.due({ now, limit: 100 })).length;
  assert(left > 0 && left < 40, `${left}`);
  for (let sweeps = 0; sweeps < 10; sweeps += 1) await handleSweep(deps);
  assert.deepEqual(await store.due({ now, limit: 1 }), []);
});

test("a run that can't be read keeps none of those after it from being deleted, and is deleted once it can", async () => {
  const store = createMemoryStore();
  const ids = Array.from({ length: 25 }, (_, index) => {
    const time = `20260101T00${(10 + index).toString()}00000Z`;
    return `run_00000000000000000000000001_${time}` as RunId;
  });
  for (const [index, runId] of ids.entries()) {
    const at = addSeconds(now, index - 100);
    await store.putAll([
      { key: expiriesKey(at, runId), body: { at, runId } },
      { key: expiryKey(runId), body: { at } },
      { key: runPlanKey(runId), body: {} },
    ]);
  }
  let isNewer = true;
  const query: DocumentStore["query"] = async (options) => {
    if (isNewer && ids.slice(0, 21).some((runId) => runKey(runId).sort === options.prefix)) {
      throw new VisibleError("NEWER_VERSION", "It is of a newer form.");
    }
    return store.query(options);
  };
  const left = async () => {
    const found = await Promise.all(ids.map((runId) => store.get(runPlanKey(runId))));
    return ids.filter((_, index) => found[index] !== undefined);
  };
  const deps = depsOver({ ...store, query });
  assert.deepEqual(await handleSweep(deps), { due: 0, failed: 0, stuck: [] });
  assert.deepEqual(await left(), ids.slice(0, 21));
  isNewer = false;
  await handleSweep(deps);
  assert.deepEqual(await left(), []);
});
