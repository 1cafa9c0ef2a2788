import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { Ledger } from "./ledger.ts";
import { MemoryDevice } from "./testing/memory-device.ts";
import { dump, dumpOf, makeTables } from "./testing/tables.ts";
import { VirtualTime } from "./testing/virtual-time.ts";

type Change = (database: Database) => void;

/** What SQL can do to rows: also replace, cascade, rename, and count without any trace. */
const changeOf = (kind: number, x: number, y: number): Change => {
  const changes: readonly Change[] = [
    (db) => db.run("INSERT INTO items (name, value) VALUES (?, ?)", `n${x}`, `v${y}`),
    (db) => db.run("INSERT OR REPLACE INTO items (name, value) VALUES (?, ?)", `n${x}`, `w${y}`),
    (db) => db.run("DELETE FROM items WHERE number > ?", x),
    (db) => db.run("INSERT OR REPLACE INTO groups VALUES (?, ?, ?)", `g${x}`, `t${y}`, y),
    (db) => db.run("INSERT INTO groups VALUES (?, NULL, ?) ON CONFLICT (id) DO UPDATE SET value = ?", `g${x}`, y, x),
    (db) => db.run("INSERT OR IGNORE INTO marks SELECT id, ?, NULL FROM groups", y),
    (db) => db.run("UPDATE OR IGNORE marks SET extent = extent + 1 WHERE groupId = ?", `g${x}`),
    (db) => db.run("DELETE FROM groups WHERE id = ?", `g${x}`),
    (db) => db.run("DELETE FROM groups"),
    (db) => db.run("UPDATE OR IGNORE groups SET id = ? WHERE NOT EXISTS (SELECT 1 FROM marks)", `g${y}`),
    (db) => db.run("UPDATE items SET value = value || ? WHERE number % 3 = ?", `.${y}`, x % 3),
    (db) => {
      // Counted, and gone again.
      const { lastId } = db.run("INSERT INTO items (name) VALUES ('passing')");
      db.run("DELETE FROM items WHERE number = ?", lastId);
    },
    (db) => db.run("INSERT INTO items (value) VALUES (hex(randomblob(3000)))"),
    (db) => {
      for (const [from, to] of [
        [`n${x}`, "-"],
        [`n${y}`, `n${x}`],
        ["-", `n${y}`],
      ] as const) {
        db.run("UPDATE OR IGNORE items SET name = ? WHERE name = ?", to, from);
      }
    },
  ];
  return changes[kind % changes.length] as Change;
};

const step = fc.record({
  who: fc.nat(2),
  what: fc.constantFrom("change", "change", "change", "fail", "around", "read", "reopen"),
  changes: fc.array(fc.tuple(fc.nat(13), fc.nat(6), fc.nat(6)), { minLength: 1, maxLength: 4 }),
  meanwhile: fc.tuple(fc.nat(13), fc.nat(6), fc.nat(6)),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const failed = new Error("failed");

/** A change that is refused is no change. @returns whether it was none */
const isRefused = (promise: Promise<unknown>): Promise<boolean> =>
  promise.then(
    () => false,
    (error: unknown) => {
      const isOne = error === failed || /constraint failed/i.test(String(error));
      if (!isOne && !VisibleError.is(error, "CLUSTER_BUSY")) throw error;
      return true;
    },
  );

/** Ledgers on one device, and what they should have. */
class Shared {
  readonly #device = new MemoryDevice(576 * 1024);
  readonly #options = { migrate: makeTables, time: new VirtualTime(), logBytesMin: 24 * 1024 };
  readonly #ledgers: Ledger[] = [];
  #model = "";

  static async open(): Promise<Shared> {
    const shared = new Shared();
    for (let who = 0; who < 3; who++) await shared.#open(who);
    shared.#model = await dumpOf(shared.#at(0));
    return shared;
  }

  async step({ who, what, changes, meanwhile }: Step): Promise<void> {
    const work: Change = (database) => {
      for (const change of changes) changeOf(...change)(database);
    };
    if (what === "change") await this.#change(who, work);
    if (what === "around") await this.#changeAround(who, { work, meanwhile: changeOf(...meanwhile) });
    if (what === "fail") {
      const fails: Change = (database) => {
        work(database);
        throw failed;
      };
      assert.ok(await isRefused(this.#at(who).change(fails)));
    }
    if (what === "reopen") {
      await this.#at(who).close();
      await this.#open(who);
    }
    assert.equal(await dumpOf(this.#at(who)), this.#model, what);
  }

  async end(): Promise<void> {
    for (const ledger of this.#ledgers) {
      assert.equal(await dumpOf(ledger), this.#model);
      assert.deepEqual(await ledger.read((database) => database.all("PRAGMA foreign_key_check")), []);
      await ledger.close();
    }
  }

  async #open(who: number): Promise<void> {
    this.#ledgers[who] = await Ledger.open(this.#device, this.#options);
  }

  #at(who: number): Ledger {
    const ledger = this.#ledgers[who % 3];
    assert.ok(ledger);
    return ledger;
  }

  async #change(who: number, work: Change): Promise<void> {
    let then = "";
    const noted: Change = (database) => {
      work(database);
      then = dump(database);
    };
    if (!(await isRefused(this.#at(who).change(noted)))) this.#model = then;
  }

  /** What is there after it is what another sees: that it is right is for tests of single cases. */
  async #changeAround(who: number, { work, meanwhile }: { work: Change; meanwhile: Change }): Promise<void> {
    const other = this.#at(who + 1);
    let then: string | undefined;
    const steps = {
      plan: work,
      realize: () => this.#change(who + 1, meanwhile),
      finish: (database: Database) => {
        meanwhile(database);
        then = dump(database);
      },
    };
    const wasRefused = await isRefused(this.#at(who).changeAround(steps));
    this.#model = await dumpOf(other);
    if (!wasRefused) assert.equal(this.#model, then);
  }
}

describe("several ledgers on one device", () => {
  test("have the same rows and counters, those of one database with the same changes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const shared = await Shared.open();
        for (const one of steps) await shared.step(one);
        await shared.end();
      }),
      { numRuns: 60 },
    );
  });
});
