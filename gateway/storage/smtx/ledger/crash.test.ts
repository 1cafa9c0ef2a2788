import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Database } from "../../extentstore/database/database.ts";
import { Ledger } from "./ledger.ts";
import { CuttableDevice, HostIsDead, Platter } from "./testing/platter.ts";
import { dump, dumpRows, makeTables } from "./testing/tables.ts";
import { VirtualTime } from "./testing/virtual-time.ts";

const addItem = (database: Database, name: string, value = "") =>
  void database.run("INSERT INTO items (name, value) VALUES (?, ?)", name, value);
const addColumn = (database: Database): void => {
  makeTables(database);
  if (database.pragma("user_version") > 1) return;
  database.transaction(() =>
    database.execute("ALTER TABLE items ADD COLUMN more TEXT; UPDATE items SET more = name; PRAGMA user_version = 2;"),
  );
};
/** Not to be compressed: half of what the log may have. */
const large = Array.from({ length: 5000 }, (_, index) => ((index * index * 7919) % 46_656).toString(36)).join("");

interface Host {
  readonly device: CuttableDevice;
  readonly options: { readonly time: VirtualTime; readonly logBytesMin: number };
  ledger: Ledger | undefined;
}
type Step = (host: Host) => Promise<unknown>;

const change =
  (work: (database: Database) => void): Step =>
  ({ ledger }) =>
    ledger?.change(work) ?? Promise.resolve();

/** Opens, changes, makes checkpoints in both halves, plans and realizes, and gets a new form. */
const steps: readonly Step[] = [
  async (host) => {
    host.ledger = await Ledger.open(host.device, { ...host.options, migrate: makeTables });
  },
  change((database) => addItem(database, "one")),
  change((database) => {
    database.run("INSERT INTO groups VALUES ('g', NULL, 5)");
    database.run("INSERT INTO marks VALUES ('g', 7, 1)");
  }),
  change((database) => addItem(database, "two", large)),
  change((database) => addItem(database, "three", large)),
  change((database) => database.run("DELETE FROM items WHERE name = 'two'")),
  ({ ledger }) =>
    ledger?.changeAround({
      plan: (database) => addItem(database, "four"),
      realize: async () => undefined,
      finish: (database) => void database.run("DELETE FROM groups"),
    }) ?? Promise.resolve(),
  change((database) => addItem(database, "five", large)),
  async (host) => {
    await host.ledger?.close();
    host.ledger = await Ledger.open(host.device, { ...host.options, migrate: addColumn });
  },
  change((database) => database.run("UPDATE items SET more = 'no' WHERE name = 'three'")),
];

const hostOf = (device: CuttableDevice): Host => ({
  device,
  options: { time: new VirtualTime(), logBytesMin: 12 * 1024 },
  ledger: undefined,
});

/** A generator of chances that a seed repeats (mulberry32). */
const chances = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** What is there after each step where nothing is cut, and the calls that it takes. */
const uncut = async (): Promise<{ states: string[]; calls: number }> => {
  const host = hostOf(new CuttableDevice(new Platter()));
  const states = [""];
  for (const step of steps) {
    await step(host);
    states.push((await host.ledger?.read(dumpRows)) ?? "");
  }
  await host.ledger?.close();
  return { states, calls: host.device.calls };
};

/** @returns how many steps were done */
const runUntilDead = async (host: Host): Promise<number> => {
  for (const [done, step] of steps.entries()) {
    try {
      await step(host);
    } catch (error) {
      if (!(error instanceof HostIsDead)) throw error;
      return done;
    }
  }
  return steps.length;
};

/** What a crash left is as before the step that it cut or after it, and can be gone on with. */
const goesOn = async (platter: Platter, { done, states }: { done: number; states: readonly string[] }) => {
  const options = { time: new VirtualTime(), migrate: makeTables };
  const ledger = await Ledger.open(new CuttableDevice(platter), options);
  const found = await ledger.read(dumpRows);
  const allowed = states.slice(Math.max(1, done), done + 2);
  assert.ok(allowed.includes(found), `after ${done} steps there is ${found.slice(0, 300)}`);
  await ledger.change((database) => addItem(database, "after"));
  const around = ledger.changeAround({
    plan: (database) => addItem(database, "around"),
    realize: async () => undefined,
  });
  await options.time.runUntil(around);
  const last = await Ledger.open(new CuttableDevice(platter), options);
  assert.equal(await last.read(dump), await ledger.read(dump));
  for (const one of [ledger, last]) await one.close();
};

describe("a ledger that is cut at any call to its device", () => {
  test("is as before the change or after it, whatever of the unflushed writes a power failure leaves", async () => {
    const { states, calls } = await uncut();
    const cut = async (cutAt: number, share: number): Promise<void> => {
      const chance = chances(cutAt);
      const keeps = () => chance() < share;
      const platter = new Platter();
      const host = hostOf(new CuttableDevice(platter, { cutAt, keeps }));
      const done = await runUntilDead(host);
      platter.crash(keeps);
      await goesOn(platter, { done, states });
    };
    for (let cutAt = 0; cutAt < calls; cutAt++) {
      await Promise.all([cutAt % 2, 0.5].map((share) => cut(cutAt, share)));
    }
  });

  test("is read and gone on with by who has it open, when one who writes it dies", async () => {
    const { states, calls } = await uncut();
    for (let cutAt = 3; cutAt < calls; cutAt++) {
      const chance = chances(cutAt);
      const platter = new Platter();
      const time = new VirtualTime();
      const witness = await Ledger.open(new CuttableDevice(platter), { time, migrate: makeTables });
      const host = hostOf(new CuttableDevice(platter, { cutAt, keeps: () => chance() < 0.5 }));
      const done = await runUntilDead(host);
      const isOfItsForm = done < 8;
      if (isOfItsForm) {
        const found = await witness.read(dumpRows);
        assert.ok(states.slice(Math.max(1, done), done + 2).includes(found), `after ${done} steps: ${found}`);
        await witness.change((database) => addItem(database, "after"));
      } else {
        await goesOn(platter, { done, states });
      }
      await witness.close();
    }
  });
});
