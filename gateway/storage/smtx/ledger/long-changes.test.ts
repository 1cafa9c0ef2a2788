import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { StorageCall } from "../../call.ts";
import { rejects } from "../../conformance/fixtures.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { Ledger } from "./ledger.ts";
import { MemoryDevice } from "./testing/memory-device.ts";
import { dump, dumpOf, makeTables } from "./testing/tables.ts";
import { VirtualTime } from "./testing/virtual-time.ts";

interface Two {
  readonly device: MemoryDevice;
  readonly time: VirtualTime;
  readonly a: Ledger;
  readonly b: Ledger;
}

const withTwo = async (work: (two: Two) => Promise<void>, logBytesMin?: number): Promise<void> => {
  const device = new MemoryDevice();
  const time = new VirtualTime();
  const options = { migrate: makeTables, time, ...(logBytesMin !== undefined && { logBytesMin }) };
  const [a, b] = [await Ledger.open(device, options), await Ledger.open(device, options)];
  await work({ device, time, a, b });
  assert.equal(await dumpOf(a), await dumpOf(b));
  await a.close();
  await b.close();
};

const addItem = (database: Database, name: string): number =>
  database.run("INSERT INTO items (name, value) VALUES (?, 'planned')", name).lastId;
const items = (ledger: Ledger): Promise<string[]> =>
  ledger.read((database) =>
    database
      .all<{ number: number; name: string; value: string }>("SELECT * FROM items ORDER BY number")
      .map(({ number, name, value }) => `${number} ${name} ${value}`),
  );

/** Something slow that a test ends when it wants to. */
const slow = () => {
  const begun = Promise.withResolvers<StorageCall>();
  const ended = Promise.withResolvers<void>();
  const realize = (_: unknown, call: StorageCall): Promise<void> => {
    begun.resolve(call);
    return ended.promise;
  };
  return { realize, begun: begun.promise, end: ended.resolve, fail: ended.reject };
};

const add = (ledger: Ledger, name: string, call?: StorageCall): Promise<number> =>
  ledger.changeAround({ plan: (database) => addItem(database, name), realize: async () => undefined }, call);

describe("a change with something slow in it", () => {
  test("shows nothing of what is planned before it is realized, and all of it then", async () => {
    await withTwo(async ({ a, b }) => {
      const { realize, begun, end } = slow();
      const finish = (database: Database, planned: number): void =>
        void database.run("UPDATE items SET value = 'realized' WHERE number = ?", planned);
      const change = a.changeAround({ plan: (database) => addItem(database, "x"), realize, finish });
      await begun;
      for (const ledger of [a, b]) assert.deepEqual(await items(ledger), []);
      end();
      assert.equal(await change, 1);
      for (const ledger of [a, b]) assert.deepEqual(await items(ledger), ["1 x realized"]);
    });
  });

  test("holds up no short change, and its numbers are nobody else's", async () => {
    await withTwo(async ({ a, b }) => {
      const { realize, begun, end } = slow();
      const change = a.changeAround({ plan: (database) => addItem(database, "slow"), realize });
      await begun;
      for (const ledger of [a, b]) await ledger.change((database) => addItem(database, `short ${ledger === a}`));
      end();
      await change;
      assert.deepEqual(await items(b), ["1 slow planned", "2 short true planned", "3 short false planned"]);
    });
  });

  test("records nothing when a step throws, and the next may begin at once", async () => {
    await withTwo(async ({ a, b }) => {
      const before = await a.read((database) => database.all("SELECT * FROM items"));
      const plan = (database: Database): number => addItem(database, "x");
      const wrong = new Error("wrong");
      const fails = () => {
        throw wrong;
      };
      const realize = async (): Promise<void> => undefined;
      await assert.rejects(a.changeAround({ plan: fails, realize }), wrong);
      await assert.rejects(a.changeAround({ plan, realize: async () => fails() }), wrong);
      await assert.rejects(a.changeAround({ plan, realize, finish: fails }), wrong);
      for (const ledger of [a, b]) {
        assert.deepEqual(await ledger.read((database) => database.all("SELECT * FROM items")), before);
      }
      await add(b, "next");
    });
  });

  test("is refused when others have changed the same rows, or removed what it refers to", async () => {
    await withTwo(async ({ a, b }) => {
      await a.change((database) => {
        addItem(database, "x");
        database.run("INSERT INTO groups VALUES ('g', NULL, 0)");
      });
      const meanwhile = async (plan: string, other: string): Promise<void> => {
        const change = a.changeAround({
          plan: (database) => void database.run(plan),
          realize: () => b.change((database) => void database.run(other)),
        });
        await rejects(change, "CLUSTER_BUSY");
      };
      await meanwhile("UPDATE items SET value = 'a'", "UPDATE items SET value = 'b'");
      await meanwhile("UPDATE items SET value = 'a'", "DELETE FROM items");
      await meanwhile("INSERT INTO marks VALUES ('g', 1, NULL)", "DELETE FROM groups");
      await meanwhile("INSERT INTO groups VALUES ('h', 't', 0)", "INSERT INTO groups VALUES ('i', 't', 0)");
      assert.deepEqual(await items(a), []);
      assert.equal(await a.read((database) => database.all("SELECT * FROM groups").length), 1);
    });
  });

  test("is recorded with others' changes to other columns of the same row", async () => {
    await withTwo(async ({ a, b }) => {
      await a.change((database) => database.run("INSERT INTO groups VALUES ('g', 'tag', 0)"));
      await a.changeAround({
        plan: (database) => void database.run("UPDATE groups SET tag = 'planned'"),
        realize: () => b.change((database) => void database.run("UPDATE groups SET value = 7")),
      });
      assert.match(await b.read(dump), /\\"tag\\":\\"planned\\",\\"value\\":7/);
    });
  });

  test("is whole when its record begins a new checkpoint", async () => {
    await withTwo(async ({ a, b, device }) => {
      const filler = "SELECT hex(randomblob(1000))";
      for (let round = 0; round < 12; round++) {
        await a.change((database) => database.run(`INSERT INTO items (value) ${filler}`));
        await a.changeAround({
          plan: (database) => addItem(database, `around ${round}`),
          realize: async () => undefined,
          finish: (database, planned) => void database.run("UPDATE items SET value = 'y' WHERE number = ?", planned),
        });
        const fresh = await Ledger.open(device, { migrate: makeTables });
        assert.equal(await dumpOf(fresh), await dumpOf(b));
        await fresh.close();
      }
    }, 8 * 1024);
  });
});

describe("whoever waits for a slow change", () => {
  test("waits as long as the holder works, says that it moves, and begins when he has ended", async () => {
    await withTwo(async ({ a, b, time }) => {
      const { realize, begun, end } = slow();
      const change = a.changeAround({ plan: (database) => addItem(database, "first"), realize });
      await begun;
      const beganMs = time.nowMs();
      let moved = 0;
      const longWaited = Promise.withResolvers<void>();
      const onMoved = () => {
        moved++;
        if (time.nowMs() > beganMs + 120_000) longWaited.resolve();
      };
      const next = add(b, "second", { onMoved });
      // The holder's beat and the one who waits.
      await time.runUntil(longWaited.promise, 2);
      assert.deepEqual(await items(b), []);
      assert.ok(moved >= 10, `moved ${moved} times`);
      end();
      await change;
      await time.runUntil(next);
      assert.deepEqual(await items(a), ["1 first planned", "2 second planned"]);
    });
  });

  test("takes over from one who has been silent for 30 s, whose change is refused when he comes back", async () => {
    await withTwo(async ({ a, b, device, time }) => {
      const { realize, begun, end } = slow();
      const stalled = new VirtualTime();
      const c = await Ledger.open(device, { migrate: makeTables, time: stalled });
      const change = c.changeAround({ plan: (database) => addItem(database, "stalled"), realize });
      const { signal } = await begun;
      const beganMs = time.nowMs();
      await time.runUntil(add(b, "next"));
      assert.ok(time.nowMs() >= beganMs + 30_000 && time.nowMs() < beganMs + 35_000);
      end();
      await rejects(change, "CLUSTER_BUSY");
      assert.equal(signal?.aborted, false);
      assert.deepEqual(await items(a), ["2 next planned"]);
      await c.close();
    });
  });

  test("whose place was taken is told so while he works, and stops", async () => {
    await withTwo(async ({ b, device, time }) => {
      const stalled = new VirtualTime();
      const c = await Ledger.open(device, { migrate: makeTables, time: stalled });
      const { realize, begun } = slow();
      const change = c.changeAround({ plan: (database) => addItem(database, "stalled"), realize });
      const { signal } = await begun;
      await time.runUntil(add(b, "next"));
      await rejects(stalled.runUntil(change), "CLUSTER_BUSY");
      assert.equal(signal?.aborted, true);
      await c.close();
    });
  });

  test("gives up after ten minutes, or when he is called off", async () => {
    await withTwo(async ({ a, b, time }) => {
      const { realize, begun, end } = slow();
      const change = a.changeAround({ plan: (database) => addItem(database, "first"), realize });
      await begun;
      const beganMs = time.nowMs();
      await rejects(time.runUntil(add(b, "late"), 2), "CLUSTER_BUSY");
      assert.ok(time.nowMs() >= beganMs + 600_000);
      const calledOff = new AbortController();
      const other = add(b, "called off", { signal: calledOff.signal });
      const own = add(a, "called off, too", { signal: calledOff.signal });
      const gone = [assert.rejects(other, { name: "AbortError" }), assert.rejects(own, { name: "AbortError" })];
      await setImmediate();
      calledOff.abort();
      await Promise.all(gone);
      end();
      await change;
      assert.deepEqual(await items(b), ["1 first planned"]);
    });
  });

  test("is not held up by one who was called off in what does not end", async () => {
    await withTwo(async ({ a, b, time }) => {
      const { realize, begun } = slow();
      const calledOff = new AbortController();
      const change = a.changeAround(
        { plan: (database) => addItem(database, "x"), realize },
        { signal: calledOff.signal },
      );
      await begun;
      calledOff.abort();
      await assert.rejects(change, { name: "AbortError" });
      const beganMs = time.nowMs();
      await add(b, "next");
      await add(a, "after");
      assert.equal(time.nowMs(), beganMs);
    });
  });
});
