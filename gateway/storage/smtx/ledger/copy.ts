import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privateFile } from "../../../files/private.ts";
import { Database } from "../../extentstore/database/database.ts";
import type { Changes } from "./changes.ts";

/**
 * A ledger's database as one of its users has it: in a file that has no name any more, so that
 * nothing is left when the process ends, however it does.
 */
export class LedgerCopy {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** @param image of an SQLite database; nothing: an empty one */
  static of(image: Uint8Array): Promise<LedgerCopy> {
    return inPrivateFile(async (path) => {
      await writeFile(path, image, { mode: privateFile });
      return new LedgerCopy(new Database(path, { isDurable: false }));
    });
  }

  /** The whole database, without what SQLite keeps free in it. */
  image(): Promise<Uint8Array> {
    return inPrivateFile((path) => {
      this.#database.run("VACUUM INTO ?", path);
      return readFile(path);
    });
  }

  /** The version that the database's `user_version` has. */
  get version(): number {
    return this.#database.pragma("user_version");
  }

  /** Makes the tables as a program needs them. @returns whether anything was different */
  migrate(migrate: (database: Database) => void): boolean {
    const before = this.#fingerprint();
    migrate(this.#database);
    this.#refuseWhatChangesetsLack();
    return this.#fingerprint() !== before;
  }

  read<T>(work: (database: Database) => T): T {
    this.#database.execute("PRAGMA query_only = ON");
    try {
      return this.#database.snapshot(() => work(this.#database));
    } finally {
      this.#database.execute("PRAGMA query_only = OFF");
    }
  }

  /** What `work` gives and would change. The copy is as before. @throws what `work` throws */
  rehearse<T>(work: (database: Database) => T): { readonly result: T; readonly changes: Changes } {
    const database = this.#database;
    const { result, changeset } = database.rehearse(() => {
      const before = this.counters();
      const schema = this.#schema();
      const result = work(database);
      if (this.#schema() !== schema) throw new TypeError("a change of a ledger can't change tables");
      return { result, counters: changedCounters(before, this.counters()) };
    });
    return { result: result.result, changes: { changesets: [changeset], counters: result.counters } };
  }

  /** Makes changes that were recorded, all or none. @returns false: none, as they don't fit */
  apply(records: readonly Changes[]): boolean {
    return this.#undoing((undo) => {
      for (const { changesets, counters } of records) {
        if (!changesets.every((changeset) => this.#database.applyChangeset(changeset))) return undo();
        this.#setCounters(counters);
      }
      return true;
    });
  }

  /** The same with what was made before others made theirs, and may refer to what they removed. */
  applyLate(changesets: readonly Uint8Array[]): boolean {
    return this.#undoing((undo) => {
      if (!changesets.every((changeset) => this.#database.applyChangeset(changeset))) return undo();
      return this.#database.one("PRAGMA foreign_key_check") === undefined || undo();
    });
  }

  /** AUTOINCREMENT counters by table. */
  counters(): Readonly<Record<string, number>> {
    if (this.#database.one("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'") === undefined) return {};
    const rows = this.#database.all<{ name: string; seq: number }>("SELECT name, seq FROM sqlite_sequence");
    return Object.fromEntries(rows.map(({ name, seq }) => [name, seq]));
  }

  close(): void {
    this.#database.close();
  }

  #setCounters(counters: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(counters)) {
      const { changes } = this.#database.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", value, name);
      if (changes === 0) this.#database.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", name, value);
    }
  }

  /**
   * Changes are made as they were recorded. Foreign keys were looked at then, and what they removed
   * with a row is in the changeset too.
   */
  #undoing(work: (undo: () => never) => boolean): boolean {
    const undone = new Error("the changes don't fit");
    const undo = (): never => {
      throw undone;
    };
    return this.#database.withoutForeignKeys(() => {
      try {
        return this.#database.transaction(() => work(undo));
      } catch (error) {
        if (error === undone) return false;
        throw error;
      }
    });
  }

  #schema(): unknown {
    return this.#database.one<{ schema_version: number }>("PRAGMA schema_version")?.schema_version;
  }

  #fingerprint(): string {
    const total = this.#database.one<{ total: number }>("SELECT total_changes() AS total")?.total;
    return [this.version, this.#database.pragma("application_id"), this.#schema(), total].join();
  }

  #refuseWhatChangesetsLack(): void {
    const wrong = this.#database.one<{ name: string }>(`
      SELECT name FROM sqlite_schema AS s WHERE type = 'trigger' OR (type = 'table' AND name NOT LIKE 'sqlite_%'
        AND NOT EXISTS (SELECT 1 FROM pragma_table_info(s.name) WHERE pk > 0 AND ("notnull" OR type = 'INTEGER')))`);
    if (wrong !== undefined)
      throw new TypeError(`${wrong.name} has no primary key that is never null, or is a trigger`);
  }
}

/** Those that are another now. */
export const changedCounters = (
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(after).filter(([name, value]) => before[name] !== value));

const inPrivateFile = async <T>(work: (path: string) => Promise<T>): Promise<T> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-ledger-"));
  try {
    return await work(join(dir, "ledger.sqlite"));
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
};
