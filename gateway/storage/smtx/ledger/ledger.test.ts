import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { rejects } from "../../conformance/fixtures.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { migrate } from "../../extentstore/database/schema.ts";
import { Ledger } from "./ledger.ts";
import { MemoryDevice } from "./testing/memory-device.ts";
import { CuttableDevice, Platter } from "./testing/platter.ts";
import { dumpOf, makeTables } from "./testing/tables.ts";

const options = { migrate: makeTables };

const addItem = (database: Database, name: string, value = ""): void =>
  void database.run("INSERT INTO items (name, value) VALUES (?, ?)", name, value);
const touch = (database: Database): void =>
  void database.run("INSERT INTO groups VALUES ('g', NULL, 0) ON CONFLICT (id) DO UPDATE SET value = value + 1");
const names = (ledger: Ledger): Promise<string[]> =>
  ledger.read((database) =>
    database.all<{ name: string }>("SELECT name FROM items ORDER BY number").map(({ name }) => name),
  );

describe("a ledger", () => {
  test("shows what one has recorded to all who have it open, and to who opens it later", async () => {
    const device = new MemoryDevice();
    const [a, b] = [await Ledger.open(device, options), await Ledger.open(device, options)];
    assert.equal(await a.change((database) => database.run("INSERT INTO items (name) VALUES ('x')").lastId), 1);
    const c = await Ledger.open(device, options);
    for (const ledger of [a, b, c]) {
      assert.deepEqual(await names(ledger), ["x"]);
      await ledger.close();
    }
  });

  test("takes the tables that the product has", async () => {
    const device = new MemoryDevice();
    const ledgers = [await Ledger.open(device, { migrate }), await Ledger.open(device, { migrate })];
    const made = "INSERT INTO tables (frozenEpoch) VALUES (7)";
    assert.equal(await ledgers[0]?.change((database) => database.run(made).lastId), 1);
    assert.equal(await ledgers[1]?.change((database) => database.run(made).lastId), 2);
    for (const ledger of ledgers) await ledger.close();
  });

  test("records nothing when the work throws, or changes nothing, and writes nothing then", async () => {
    const device = new MemoryDevice();
    const ledger = await Ledger.open(device, options);
    const { writes } = device.counts;
    const wrong = new Error("wrong");
    const fails = (database: Database): void => {
      addItem(database, "x");
      throw wrong;
    };
    await assert.rejects(ledger.change(fails), wrong);
    await ledger.change((database) => database.run("DELETE FROM items"));
    assert.deepEqual(await names(ledger), []);
    assert.equal(device.counts.writes, writes);
    await ledger.close();
  });

  test("refuses work that changes tables, or writes where it should read", async () => {
    const device = new MemoryDevice();
    const ledger = await Ledger.open(device, options);
    await ledger.change((database) => {
      for (const name of ["a", "b"]) addItem(database, name);
    });
    const before = device.bytes.slice();
    await assert.rejects(ledger.change((database) => database.execute("CREATE TABLE x (id TEXT PRIMARY KEY)")));
    await assert.rejects(ledger.read((database) => addItem(database, "x")));
    assert.deepEqual(device.bytes, before);
    assert.deepEqual(await names(ledger), ["a", "b"]);
    await ledger.close();
  });

  test("refuses tables whose rows have no key, and triggers, before anything is written", async () => {
    const wrong = [
      "CREATE TABLE x (id TEXT)",
      "CREATE TABLE x (id TEXT PRIMARY KEY)",
      "CREATE TABLE x (id INTEGER PRIMARY KEY); CREATE TRIGGER t AFTER INSERT ON x BEGIN DELETE FROM x; END",
    ];
    for (const sql of wrong) {
      const device = new MemoryDevice();
      await assert.rejects(Ledger.open(device, { migrate: (database) => database.execute(sql) }), TypeError);
      const ledger = await Ledger.open(device, options);
      await ledger.close();
    }
  });

  test("reads one block of 4 KiB where nothing has changed", async () => {
    const device = new MemoryDevice();
    const ledger = await Ledger.open(device, options);
    await ledger.change((database) => addItem(database, "x"));
    const before = { ...device.counts };
    await names(ledger);
    assert.deepEqual(device.counts, { ...before, reads: before.reads + 1, readBytes: before.readBytes + 4096 });
    await ledger.close();
  });

  test("leaves no file, not even while it is open", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ledger-test-"));
    const { TMPDIR } = process.env;
    process.env["TMPDIR"] = dir;
    try {
      const ledger = await Ledger.open(new MemoryDevice(), { ...options, logBytesMin: 8192 });
      for (let count = 0; count < 5; count++) await ledger.change((database) => addItem(database, `${count}`));
      assert.deepEqual(await readdir(dir), []);
      await ledger.close();
    } finally {
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
      await rm(dir, { recursive: true });
    }
  });

  test("goes on without what it had seen of another's change, and a power failure took back", async () => {
    const platter = new Platter();
    const ledger = await Ledger.open(new CuttableDevice(platter), options);
    const writer = await Ledger.open(new CuttableDevice(platter), options);
    platter.flush = () => undefined;
    await writer.change((database) => addItem(database, "taken back"));
    assert.deepEqual(await names(ledger), ["taken back"]);
    platter.crash(() => false);
    assert.deepEqual(await names(ledger), []);
    await writer.change((database) => addItem(database, "this"));
    assert.deepEqual(await names(ledger), ["this"]);
    platter.crash(() => false);
    // As long, and in the same place.
    await writer.change((database) => addItem(database, "that"));
    assert.deepEqual(await names(ledger), ["that"]);
    for (const one of [ledger, writer]) await one.close();
  });
});

describe("a ledger whose device others write while it reads", () => {
  test("reads a state that was there, however often it has turned to the other half", async () => {
    const platter = new Platter();
    const device = new CuttableDevice(platter);
    const small = { ...options, logBytesMin: 8192 };
    const [reader, writer] = [await Ledger.open(device, small), await Ledger.open(new CuttableDevice(platter), small)];
    let left = 0;
    let count = 0;
    const read = device.read.bind(device);
    device.read = async (offset, into) => {
      await read(offset, into);
      // Between the head that a reader sees and the log, others get as much done.
      while (left-- > 0) await writer.change((database) => addItem(database, `${count++}`));
    };
    for (const meanwhile of [1, 2, 3, 5, 9]) {
      left = meanwhile;
      const found = await names(reader);
      assert.ok(found.length >= count - meanwhile && found.length <= count, `${found.length} of ${count}`);
      assert.deepEqual(found, [...found.keys()].map(String));
    }
    for (const ledger of [reader, writer]) await ledger.close();
  });

  test("says that it is busy when that never ends", async () => {
    const platter = new Platter();
    const device = new CuttableDevice(platter);
    const small = { ...options, logBytesMin: 4096 };
    const [reader, writer] = [await Ledger.open(device, small), await Ledger.open(new CuttableDevice(platter), small)];
    const read = device.read.bind(device);
    device.read = async (offset, into) => {
      await read(offset, into);
      // Of the same size always: two of them are a turn.
      for (let count = 0; count < 4; count++) await writer.change(touch);
    };
    await writer.change(touch);
    await rejects(names(reader), "CLUSTER_BUSY");
    device.read = read;
    assert.equal(await dumpOf(reader), await dumpOf(writer));
    for (const ledger of [reader, writer]) await ledger.close();
  });
});

describe("a call to a ledger that is called off", () => {
  test("ends at once while it waits for others, changes nothing, and holds up nobody", async () => {
    const device = new MemoryDevice();
    const ledger = await Ledger.open(device, options);
    const held = Promise.withResolvers<void>();
    const holding = device.exclusively(() => held.promise);
    const first = ledger.change((database) => addItem(database, "first"));
    const calledOff = new AbortController();
    const call = { signal: calledOff.signal };
    const second = ledger.change((database) => addItem(database, "called off"), call);
    const gone = assert.rejects(second, { name: "AbortError" });
    assert.deepEqual(await names(ledger), []);
    await setImmediate();
    calledOff.abort();
    await gone;
    await assert.rejects(
      ledger.read(() => undefined, call),
      { name: "AbortError" },
    );
    held.resolve();
    await Promise.all([holding, first]);
    assert.deepEqual(await names(ledger), ["first"]);
    await ledger.close();
  });

  test("is done or not once it writes, and never stops between", async () => {
    const device = new MemoryDevice();
    const ledger = await Ledger.open(device, options);
    const calledOff = new AbortController();
    const write = device.write.bind(device);
    device.write = async (offset, data) => {
      calledOff.abort();
      await write(offset, data);
    };
    await ledger.change((database) => addItem(database, "x"), { signal: calledOff.signal });
    assert.deepEqual(await names(ledger), ["x"]);
    const before = device.bytes.slice();
    const early = new AbortController();
    const calledOffEarly = (database: Database): void => {
      addItem(database, "y");
      early.abort();
    };
    await assert.rejects(ledger.change(calledOffEarly, { signal: early.signal }), { name: "AbortError" });
    assert.deepEqual(device.bytes, before);
    await ledger.close();
    await assert.rejects(names(ledger), /closed/);
  });
});
