import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rejects } from "../../conformance/fixtures.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { Ledger } from "./ledger.ts";
import { MemoryDevice } from "./testing/memory-device.ts";
import { dumpOf, makeTables } from "./testing/tables.ts";

const options = { migrate: makeTables };
/** Not to be compressed. */
const addBytes = (database: Database, bytes: number): void =>
  void database.run("INSERT INTO items (value) VALUES (hex(randomblob(?)))", bytes / 2);

const fill = async (ledger: Ledger): Promise<number> => {
  for (let count = 0; ; count++) {
    try {
      await ledger.change((database) => addBytes(database, 40_000));
    } catch (error) {
      await rejects(Promise.reject(error), "STORE_FULL");
      return count;
    }
  }
};

describe("a ledger's size", () => {
  test("has room for changes without end, and what is read to open it has a bound", async () => {
    const device = new MemoryDevice(576 * 1024);
    const ledger = await Ledger.open(device, { ...options, logBytesMin: 64 * 1024 });
    for (let count = 0; count < 500; count++) {
      await ledger.change((database) => database.run("INSERT OR REPLACE INTO groups VALUES ('g', NULL, ?)", count));
      if (count % 13 !== 0) continue;
      const before = device.counts.readBytes;
      const other = await Ledger.open(device, options);
      assert.ok(device.counts.readBytes - before < 96 * 1024, `${device.counts.readBytes - before} bytes`);
      assert.equal(await dumpOf(other), await dumpOf(ledger));
      await other.close();
    }
    await ledger.close();
  });

  test("has an end, where it records nothing more, is read as before, and takes what makes it smaller", async () => {
    const device = new MemoryDevice(576 * 1024);
    const [ledger, other] = [await Ledger.open(device, options), await Ledger.open(device, options)];
    const count = await fill(ledger);
    assert.ok(count >= 8, `${count}`);
    const before = await dumpOf(ledger);
    assert.equal(await dumpOf(other), before);
    await rejects(
      other.change((database) => addBytes(database, 40_000)),
      "STORE_FULL",
    );
    const around = ledger.changeAround({
      plan: (database) => addBytes(database, 40_000),
      realize: async () => undefined,
    });
    await rejects(around, "STORE_FULL");
    assert.equal(await dumpOf(other).then((text) => text.length), before.length);
    await other.change((database) => database.run("DELETE FROM items"));
    assert.ok((await fill(ledger)) >= 8);
    for (const one of [ledger, other]) await one.close();
  });

  test("grows with its device, and nothing is lost whichever half it is in", async () => {
    for (const turns of [0, 1]) {
      const device = new MemoryDevice(576 * 1024);
      const small = { ...options, logBytesMin: 4096 };
      const ledger = await Ledger.open(device, small);
      for (let count = 0; count < 2 + turns; count++) await ledger.change((database) => addBytes(database, 2000));
      const before = await fill(ledger);
      device.grow(1152 * 1024);
      for (let count = 0; count < before; count++) {
        await ledger.change((database) => addBytes(database, 40_000));
        const other = await Ledger.open(device, small);
        assert.equal(await dumpOf(other), await dumpOf(ledger));
        await other.close();
      }
      await ledger.close();
    }
  });
});
