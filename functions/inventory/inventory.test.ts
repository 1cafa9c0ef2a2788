import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import type { Damage } from "../../core/api/group.ts";
import { instantSchema, planIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import type { JudgedObject } from "../../core/api/judged-object.ts";
import type { DocumentStore, Stored } from "../../core/ports/store.ts";
import { createTestApi, objectNamed } from "../api/testing.ts";
import { readRange } from "../documents/ranges.ts";
import { damageKey, inventoryKey, inventoryPrefix, objectKey, objectNamePrefix } from "../documents/records.ts";
import { createMemoryStore } from "../memory/store.ts";
import { createMemoryTaskQueue } from "../memory/task-queue.ts";
import { handleReport } from "../report.ts";
import { inventoryObservedAt, putInventoryPart } from "./inventory.ts";
import { listObjects } from "./objects.ts";
import { type ToldInventory, toldBy } from "./testing.ts";

const siteId = siteIdSchema.parse("a");
const quiet = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };
const start = "2026-11-24T01:00:00.000Z";
const startMs = Date.parse(start);

const setUp = (store: DocumentStore = createMemoryStore(), clock = { now: () => instantSchema.parse(start) }) => ({
  ...{ store, clock, log: quiet, tasks: createMemoryTaskQueue() },
  ids: { planId: () => planIdSchema.parse(`plan_${"0".repeat(26)}`), fraction: () => 0 },
});
type World = ReturnType<typeof setUp>;

const tell = async (world: World, told: Omit<ToldInventory, "siteId">): Promise<void> => {
  for (const part of toldBy({ siteId, ...told })) await putInventoryPart(world, part);
};

const all = async <T>(
  { store }: Pick<World, "store">,
  first: Parameters<typeof readRange>[1],
): Promise<Stored<T>[]> => {
  const found: Stored<T>[] = [];
  for await (const document of readRange<T>({ store }, first)) found.push(document);
  return found;
};
const bodies = async <T>(world: Pick<World, "store">, first: Parameters<typeof readRange>[1]) =>
  (await all<T>(world, first)).map(({ body }) => body);
const objects = (world: Pick<World, "store">) => bodies<JudgedObject>(world, objectKey(siteId, ""));
const names = async (world: Pick<World, "store">) => (await objects(world)).map(({ name }) => name);
const damageOf = (world: Pick<World, "store">) => bodies<Damage>(world, damageKey(siteId, ""));
const nameRows = (world: Pick<World, "store">) => all(world, { ...objectKey(siteId, ""), sort: objectNamePrefix });
const partsBefore = (world: Pick<World, "store">) =>
  all(world, { ...inventoryKey(siteId, 0, 0), sort: inventoryPrefix });

/** A document's fields come in whatever order. */
const texts = (entries: readonly object[]) =>
  entries.map((entry) => inspect(JSON.parse(JSON.stringify(entry)), { sorted: true, depth: null })).sort();

/** Counts the documents that are written and deleted. */
const counting = (store: DocumentStore) => {
  const counts = { documents: 0 };
  const counted: DocumentStore = {
    ...store,
    commit: (changes) => {
      counts.documents += changes.length;
      return store.commit(changes);
    },
    putAll: (documents) => {
      counts.documents += documents.length;
      return store.putAll(documents);
    },
    deleteAll: (keys) => {
      counts.documents += keys.length;
      return store.deleteAll(keys);
    },
  };
  return { counts, store: counted };
};

test("an object that can't be used is stored with its reason, and takes nothing from the others", async () => {
  const { deps, send } = await createTestApi();
  await send("POST", "/v1/sites", { id: siteId, multiCluster: "main" });
  const [part] = toldBy({ siteId, at: 1 });
  const body = { ...part, objects: [objectNamed("good"), { ...objectNamed("bad"), name: "" }, "no object"] };
  await handleReport(deps, JSON.parse(JSON.stringify(body)));
  assert.deepEqual(
    (await objects(deps)).map((object) => [object.id, "unusable" in object ? object.unusable : object.name]),
    [
      ["", "it has no name"],
      ["lun-bad", "it has no name"],
      ["lun-good", "good"],
    ],
  );
});

describe("an inventory", () => {
  const [db, web, app] = [objectNamed("db"), objectNamed("web"), objectNamed("app")] as const;

  test("is known of when all its parts have been taken in, in whatever order and how often they come", async () => {
    const world = setUp();
    const parts = toldBy({ siteId, at: startMs, objects: [app, db, web], size: 1 });
    for (const index of [2, 0, 2]) await putInventoryPart(world, parts[index] ?? assert.fail());
    assert.equal(await inventoryObservedAt(world, siteId), undefined);
    await putInventoryPart(world, parts[1] ?? assert.fail());
    assert.equal(await inventoryObservedAt(world, siteId), start);
    assert.deepEqual(await names(world), ["app", "db", "web"]);
  });

  test("changes what its ranges have, and an older one changes nothing", async () => {
    const world = setUp();
    await tell(world, { at: 2000, objects: [app, db, web], size: 1 });
    await tell(world, { at: 3000, objects: [app, { ...db, name: "renamed" }], size: 1 });
    await tell(world, { at: 2500, objects: [web] });
    assert.deepEqual(await names(world), ["app", "renamed"]);
    assert.equal((await nameRows(world)).length, 2);
    await tell(world, { at: 4000 });
    assert.deepEqual([await names(world), await nameRows(world)], [[], []]);
  });

  test("of a site where nothing changed writes no more than that its parts came", async () => {
    const { counts, store } = counting(createMemoryStore());
    const world = setUp(store);
    const many = Array.from({ length: 1000 }, (_, index) => objectNamed(`${index}`));
    await tell(world, { at: 1000, objects: many });
    counts.documents = 0;
    await tell(world, { at: 2000, objects: many });
    // One for the generation, one for each of its parts.
    assert.equal(counts.documents, 1 + 5);
    await tell(world, { at: 3000, objects: many.with(7, objectNamed("new")) });
    assert.equal(counts.documents, 6 + 6 + 4);
  });

  test("of a gateway whose clock is ahead is dropped, and hides nothing", async () => {
    const world = setUp();
    await tell(world, { at: startMs + 3_600_000, objects: [db] });
    await tell(world, { at: startMs, objects: [web] });
    assert.deepEqual(await names(world), ["web"]);
  });

  test("of the far future hides no later one, whichever of its times lies there", async () => {
    const world = setUp();
    const part = toldBy({ siteId, at: startMs, objects: [db] })[0] ?? assert.fail();
    await putInventoryPart(world, { ...part, generation: Number.MAX_SAFE_INTEGER });
    await putInventoryPart(world, { ...part, observedAt: instantSchema.parse("9999-12-31T23:59:59.999Z") });
    assert.equal(await inventoryObservedAt(world, siteId), undefined);
    await tell(world, { at: startMs, objects: [web] });
    assert.deepEqual([await names(world), await inventoryObservedAt(world, siteId)], [["web"], start]);
  });

  test("that was told when all clocks were ahead is known until the next one, which replaces it", async () => {
    let now = instantSchema.parse("2027-06-01T00:00:00.000Z");
    const world = setUp(createMemoryStore(), { now: () => now });
    await tell(world, { at: Date.parse(now), objects: [db, web], size: 1 });
    now = instantSchema.parse(start);
    assert.equal(await inventoryObservedAt(world, siteId), "2027-06-01T00:00:00.000Z");
    await tell(world, { at: startMs, objects: [app] });
    assert.deepEqual([await names(world), await inventoryObservedAt(world, siteId)], [["app"], start]);
  });

  test("of two gateways that looked in the same millisecond is one of them", async () => {
    const world = setUp();
    const one = toldBy({ siteId, at: 1000, objects: [app, db], size: 1 });
    const other = toldBy({ siteId, at: 1000, gateway: "gw-2", objects: [db, web], size: 1 });
    for (const part of [one[0], other[0], one[1], other[1]]) await putInventoryPart(world, part ?? assert.fail());
    assert.deepEqual(await names(world), ["db", "web"]);
  });
});

describe("an older part that is taken in while a newer one is", () => {
  /** Does something before the n-th commit that changes objects. */
  const before = (world: World, nth: number, act: () => Promise<void>): World => {
    let commits = 0;
    const commit: DocumentStore["commit"] = async (changes) => {
      if (changes.some(({ key }) => key.sort.startsWith("OBJECT#")) && ++commits === nth) await act();
      await world.store.commit(changes);
    };
    return { ...world, store: { ...world.store, commit } };
  };

  test("writes nothing over what the newer one wrote", async () => {
    const world = setUp();
    const db = objectNamed("db");
    await tell(world, { at: 1000, objects: [db] });
    const meeting = before(world, 1, () => tell(world, { at: 3000, objects: [{ ...db, name: "newer" }] }));
    await tell(meeting, { at: 2000, objects: [{ ...db, name: "older" }] });
    assert.deepEqual(await names(world), ["newer"]);
    assert.equal((await nameRows(world)).length, 1);
  });

  test("has the site look again when some of it was written behind the newer one's back", async () => {
    const world = setUp();
    const many = Array.from({ length: 40 }, (_, index) => objectNamed(`${index + 10}`));
    const last = many.slice(-1);
    const [hasRead, hasWritten] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const newer = before(world, 1, async () => {
      hasRead.resolve();
      await hasWritten.promise;
    });
    let telling: Promise<void> | undefined;
    const older = before(
      before(world, 1, async () => {
        telling = tell(newer, { at: 3000, objects: last });
        await hasRead.promise;
      }),
      2,
      async () => {
        hasWritten.resolve();
        await telling;
      },
    );
    await tell(older, { at: 2000, objects: many });
    assert.equal((await names(world)).length, 31);
    assert.equal(world.tasks.takeAll(siteId).length, 1);
    await tell(world, { at: 4000, objects: last });
    assert.deepEqual(await names(world), ["49"]);
  });
});

describe("an inventory from a gateway of before", () => {
  const before = (told: Omit<ToldInventory, "siteId">) =>
    toldBy({ siteId, ...told }).map(({ ranges: _, ...part }) => part);
  const [db, web, app] = [objectNamed("db"), objectNamed("web"), objectNamed("app")] as const;

  test("that is one part tells all there is", async () => {
    const world = setUp();
    for (const part of before({ at: 1000, objects: [db, web] })) await putInventoryPart(world, part);
    for (const part of before({ at: 2000, objects: [web] })) await putInventoryPart(world, part);
    assert.deepEqual(await names(world), ["web"]);
  });

  test("that is several writes what it has, once, and deletes nothing", async () => {
    const { counts, store } = counting(createMemoryStore());
    const world = setUp(store);
    for (const part of before({ at: 1000, objects: [app, db, web], size: 2 })) await putInventoryPart(world, part);
    counts.documents = 0;
    const changed = [app, { ...web, name: "renamed" }, objectNamed("zoo")];
    for (const part of before({ at: 2000, objects: changed, size: 2 })) await putInventoryPart(world, part);
    assert.deepEqual(await names(world), ["app", "db", "renamed", "zoo"]);
    assert.equal(await inventoryObservedAt(world, siteId), "1970-01-01T00:00:02.000Z");
    // An object, its name and its name of before; another one and its name; and the head.
    assert.equal(counts.documents, 3 + 2 + 3);
  });

  const stored = async (world: World) => {
    const parts = [...before({ at: 1000, objects: [web] }), ...before({ at: 2000, objects: [app, db], size: 1 })];
    parts.push(...before({ at: 3000, objects: [app, db, web], size: 1 }).slice(0, 2));
    const documents = parts.map((part) => ({ key: inventoryKey(siteId, part.generation, part.part), body: part }));
    await world.store.putAll(documents);
  };

  test("as it was stored is known, by its newest generation that is complete", async () => {
    const world = setUp();
    await stored(world);
    const { items, observedAt } = await listObjects(world, siteId, {}, { limit: 100 });
    assert.deepEqual(
      items.map(({ name }) => name),
      ["app", "db"],
    );
    assert.equal(observedAt, "1970-01-01T00:00:02.000Z");
    const { items: named } = await listObjects(world, siteId, { name: "db" }, { limit: 100 });
    assert.deepEqual(named, [db]);
    assert.equal((await partsBefore(world)).length, 5);
  });

  test("as it was stored is taken over once, by whoever comes first", async () => {
    const world = setUp();
    await stored(world);
    const listed = Array.from({ length: 4 }, () => listObjects(world, siteId, { name: "db" }, { limit: 100 }));
    for (const { items } of await Promise.all(listed)) assert.deepEqual(items, [db]);
    assert.deepEqual([await names(world), (await nameRows(world)).length], [["app", "db"], 2]);
  });

  test("as it was stored goes when a gateway has told anew what there is", async () => {
    const world = setUp();
    await stored(world);
    const parts = toldBy({ siteId, at: 4000, objects: [db, web], size: 1 });
    await putInventoryPart(world, parts[0] ?? assert.fail());
    assert.equal(await inventoryObservedAt(world, siteId), "1970-01-01T00:00:02.000Z");
    await putInventoryPart(world, parts[1] ?? assert.fail());
    assert.deepEqual([await names(world), await partsBefore(world)], [["db", "web"], []]);
  });
});

/** Few ids and names, so that they meet; with what keys are made of, and more than a key takes. */
const idArbitrary = fc.constantFrom("1", "2", "10", "a", "a#lun", "a#", "é", "💾", "\ud800", "x".repeat(256), "");
const nameArbitrary = fc.constantFrom("db", "d", "bu\u0308ro", "büro", "#", "数".repeat(255));
const objectArbitrary: fc.Arbitrary<JudgedObject> = fc
  .record({ id: idArbitrary, name: nameArbitrary, kind: fc.constantFrom("lun", "volume", "tape") })
  .map(({ id, name, kind }) =>
    id === "" || kind === "tape"
      ? { kind, id, name: name.slice(0, 100), unusable: "for this test" }
      : objectNamed("x", { id, name, kind }),
  );
const damageArbitrary: fc.Arbitrary<Damage> = fc.record({
  groupId: fc.constantFrom("g", "g1", "g#1"),
  volumeId: fc.constantFrom("1", "#", "é"),
  name: fc.constant("db"),
  extents: fc.integer({ min: 1, max: 2 }),
});
const seenArbitrary = fc.record({
  objects: fc.array(objectArbitrary, { maxLength: 12 }),
  damage: fc.array(damageArbitrary, { maxLength: 4 }),
  size: fc.integer({ min: 1, max: 5 }),
});

const checkKnown = async (world: World, seen: Pick<ToldInventory, "objects" | "damage">): Promise<void> => {
  const { objects: there = [], damage = [] } = seen;
  assert.deepEqual(texts(await objects(world)), texts(there));
  assert.deepEqual(texts(await damageOf(world)), texts(damage));
  for (const { id, name } of there) {
    const byName = await listObjects(world, siteId, { name }, { limit: 100 });
    assert.deepEqual(
      texts(byName.items),
      texts(there.filter((other) => other.name.normalize("NFC") === name.normalize("NFC"))),
    );
    const byId = await listObjects(world, siteId, { id }, { limit: 100 });
    assert.deepEqual(texts(byId.items), texts(there.filter((other) => other.id === id)));
  }
};

/** A store that fails at its n-th write, before or after it did it. */
const dying = (store: DocumentStore, atWrite: number, after: boolean) => {
  let writes = 0;
  const maybe = async (write: () => Promise<void>) => {
    writes += 1;
    if (writes === atWrite && !after) throw new Error("dead");
    await write();
    if (writes === atWrite) throw new Error("dead");
  };
  return {
    ...store,
    commit: (changes: Parameters<DocumentStore["commit"]>[0]) => maybe(() => store.commit(changes)),
    putAll: (documents: Parameters<DocumentStore["putAll"]>[0]) => maybe(() => store.putAll(documents)),
    deleteAll: (keys: Parameters<DocumentStore["deleteAll"]>[0]) => maybe(() => store.deleteAll(keys)),
  };
};

/** A store whose calls take effect in any order that calls of several can take. */
const interleaved = (store: DocumentStore, scheduler: fc.Scheduler): DocumentStore => ({
  ...store,
  get: (async (key) => {
    await scheduler.schedule(Promise.resolve());
    return store.get(key);
  }) as DocumentStore["get"],
  query: (async (options) => {
    await scheduler.schedule(Promise.resolve());
    return store.query(options);
  }) as DocumentStore["query"],
  commit: async (changes) => {
    await scheduler.schedule(Promise.resolve());
    return store.commit(changes);
  },
  putAll: async (documents) => {
    // Documents that are written without a transaction come one by one.
    for (const document of documents) {
      await scheduler.schedule(Promise.resolve());
      await store.putAll([document]);
    }
  },
  deleteAll: async (keys) => {
    for (const key of keys) {
      await scheduler.schedule(Promise.resolve());
      await store.deleteAll([key]);
    }
  },
});

describe("what is known of a site is what its gateways saw", () => {
  test("though parts come twice, in any order and late, and functions die at any write", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(seenArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(fc.record({ pick: fc.nat(), atWrite: fc.integer({ min: 1, max: 9 }), after: fc.boolean() })),
        async (seen, deliveries) => {
          const world = setUp();
          const told = seen.map((one, index) => toldBy({ siteId, at: 1000 * (index + 1), ...one }));
          const messages = told.flat();
          for (const { pick, atWrite, after } of deliveries) {
            const part = messages[pick % messages.length] ?? assert.fail();
            const store = dying(world.store, atWrite, after);
            await putInventoryPart({ ...world, store }, part).catch((error) => assert.equal(error.message, "dead"));
          }
          for (const part of told.at(-1) ?? []) await putInventoryPart(world, part);
          await checkKnown(world, seen.at(-1) ?? assert.fail());
        },
      ),
    );
  });

  test("though two tell at once; or they are asked to look again", async () => {
    await fc.assert(
      fc.asyncProperty(
        ...([seenArbitrary, seenArbitrary, seenArbitrary, fc.scheduler()] as const),
        async (first, second, third, scheduler) => {
          const world = setUp();
          await tell(world, { at: 1000, ...first });
          const meeting = { ...world, store: interleaved(world.store, scheduler) };
          const parts = [toldBy({ siteId, at: 2000, ...second }), toldBy({ siteId, at: 3000, gateway: "b", ...third })];
          await scheduler.waitFor(Promise.all(parts.flat().map((part) => putInventoryPart(meeting, part))));
          if (world.tasks.takeAll(siteId).length > 0) await tell(world, { at: 4000, ...third });
          await checkKnown(world, third);
        },
      ),
    );
  });
});
