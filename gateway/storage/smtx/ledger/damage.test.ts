import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { blake3 } from "@napi-rs/blake-hash";
import { VisibleError } from "../../../../core/api/errors.ts";
import { rejects } from "../../conformance/fixtures.ts";
import type { LedgerDevice } from "./device.ts";
import { Ledger } from "./ledger.ts";
import { MemoryDevice } from "./testing/memory-device.ts";
import { dumpOf, makeTables } from "./testing/tables.ts";

const options = { migrate: makeTables, logBytesMin: 64 * 1024 };

const open = (device: LedgerDevice): Promise<Ledger> => Ledger.open(device, options);

const insert = (ledger: Ledger, name: string): Promise<unknown> =>
  ledger.change((database) => database.run("INSERT INTO items (name) VALUES (?)", name));

/** A ledger with a checkpoint, and three records behind it. */
const recorded = async (): Promise<{ device: MemoryDevice; states: string[] }> => {
  const device = new MemoryDevice(576 * 1024);
  const ledger = await open(device);
  const states = [await dumpOf(ledger)];
  for (const name of ["one", "two", "three"]) {
    await insert(ledger, name);
    states.push(await dumpOf(ledger));
  }
  await ledger.close();
  return { device, states };
};

const dumped = async (device: LedgerDevice): Promise<string> => {
  const ledger = await open(device);
  try {
    return await dumpOf(ledger);
  } finally {
    await ledger.close();
  }
};

describe("a damaged ledger", () => {
  test("is told of, or does no harm: nothing that was recorded is lost or another, whichever byte is wrong", async () => {
    const { device, states } = await recorded();
    const whole = device.bytes.slice();
    let told = 0;
    const used = [...whole.keys()].filter((at) => whole[at] !== 0);
    assert.ok(used.length > 1500, `${used.length}`);
    for (const at of used.filter((_, index) => index % 5 === 0)) {
      device.bytes.set(whole);
      device.bytes[at] = (whole[at] ?? 0) ^ 0x10;
      const found = await dumped(device).catch((error: unknown) => {
        assert.ok(VisibleError.is(error, "STORE_CORRUPT"), String(error));
        told++;
        return states.at(-1);
      });
      assert.equal(found, states.at(-1), `byte ${at}`);
    }
    assert.ok(told > 100, `${told} were told`);
  });

  test("is named by its device and its record, and left as it is", async () => {
    const { device } = await recorded();
    const third = Buffer.from(device.bytes).lastIndexOf("SXLr");
    device.bytes.fill(0xff, third + 100, third + 110);
    const before = device.bytes.slice();
    await assert.rejects(open(device), {
      code: "STORE_CORRUPT",
      message: "The ledger on LUN 1 of iqn.test can't be used: its record 4 is not what was written.",
    });
    assert.deepEqual(device.bytes, before);
  });

  test("has what a lost head had named, and two heads again, once somebody reads it", async () => {
    const { device, states } = await recorded();
    for (const slot of [0, 1]) {
      const other = await open(device);
      device.bytes.fill(0xff, slot * 512, slot * 512 + 512);
      assert.equal(await dumpOf(other), states.at(-1));
      await other.close();
      device.bytes.fill(0xff, (1 - slot) * 512, (1 - slot) * 512 + 512);
      assert.equal(await dumped(device), states.at(-1));
    }
  });

  test("is not taken for an empty device when both its heads are gone", async () => {
    const { device } = await recorded();
    const ledger = await open(device);
    device.bytes.fill(0, 0, 4096);
    await rejects(dumpOf(ledger), "STORE_CORRUPT");
    await rejects(insert(ledger, "four"), "STORE_CORRUPT");
    await rejects(open(device), "STORE_CORRUPT");
    device.bytes.fill(0xff, 0, 1024);
    await rejects(open(device), "STORE_CORRUPT");
    await ledger.close();
  });

  test("is one on a device that has shrunk", async () => {
    const { device } = await recorded();
    const small = new MemoryDevice(300 * 1024);
    small.bytes.set(device.bytes.subarray(0, 300 * 1024));
    await assert.rejects(open(small), { code: "STORE_CORRUPT", message: /the device is smaller than it was/ });
  });

  test("has what the newest head names also where that was a new checkpoint", async () => {
    const { device } = await recorded();
    const ledger = await Ledger.open(device, { ...options, logBytesMin: 4096 });
    await insert(ledger, "four");
    const state = await dumpOf(ledger);
    await ledger.close();
    const whole = device.bytes.slice();
    for (const slot of [0, 1]) {
      device.bytes.set(whole);
      device.bytes.fill(0xff, slot * 512, slot * 512 + 512);
      assert.equal(await dumped(device), state);
    }
  });
});

describe("a device with something else on it", () => {
  test("is refused and left as it is, wherever the first byte of it is", async () => {
    for (const at of [0, 511, 1024, 65_600, 400_000, 576 * 1024 - 1]) {
      const device = new MemoryDevice(576 * 1024);
      device.bytes[at] = 1;
      const before = device.bytes.slice();
      await rejects(open(device), "STORE_CORRUPT");
      assert.deepEqual(device.bytes, before);
    }
  });

  test("is refused when it is too small, and left as it is", async () => {
    const device = new MemoryDevice(128 * 1024);
    await rejects(open(device), "STORE_FULL");
    assert.ok(device.bytes.every((byte) => byte === 0));
  });
});

describe("a ledger of a newer version", () => {
  test("is refused by the number of its form, whatever else is in it", async () => {
    const { device } = await recorded();
    for (const slot of [0, 512]) {
      const sector = Buffer.from(device.bytes.buffer, slot, 512);
      sector.writeUInt32LE(2, 12);
      sector.set(blake3(sector.subarray(0, 480)), 480);
    }
    await rejects(open(device), "STORE_TOO_NEW");
  });

  test("is refused by who has it open in the old version, and read by who opens it in the new one", async () => {
    const { device } = await recorded();
    const old = await open(device);
    const migrate = (database: Parameters<typeof makeTables>[0]): void => {
      makeTables(database);
      database.transaction(() =>
        database.execute("CREATE TABLE more (id TEXT PRIMARY KEY NOT NULL) STRICT; PRAGMA user_version = 2"),
      );
    };
    const newer = await Ledger.open(device, { ...options, migrate });
    await newer.change((database) => database.run("INSERT INTO more VALUES ('a')"));
    await rejects(dumpOf(old), "STORE_TOO_NEW");
    await rejects(insert(old, "four"), "STORE_TOO_NEW");
    assert.deepEqual(await newer.read((database) => database.one<{ id: string }>("SELECT id FROM more")?.id), "a");
    for (const ledger of [old, newer]) await ledger.close();
  });
});
