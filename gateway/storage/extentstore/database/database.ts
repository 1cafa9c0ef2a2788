import { constants, DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { VisibleError } from "../../../../core/api/errors.ts";
import { diskFailed, storeFull } from "../../../files/disk-errors.ts";
import { makePrivateFile } from "../../../files/private.ts";

/**
 * How long a call waits for another process's transaction; those are short, so this is reached only
 * when one hangs.
 */
const busyTimeoutMilliseconds = 30_000;
const sqliteBusy = 5;
const sqliteReadOnly = 8;
const sqliteIoError = 10;
const sqliteCorrupt = 11;
const sqliteFull = 13;
const sqliteNotADatabase = 26;
const durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;";
/** Without any file beside its own, which may have no name any more. */
const passing = `PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY;
  PRAGMA locking_mode = EXCLUSIVE;`;

/**
 * SQLite's primary result code of an error that node:sqlite threw, or undefined
 * for any other error.
 */
export const sqliteCode = (error: unknown): number | undefined =>
  error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : undefined;

/**
 * What a transaction does with the content of a volume or a snapshot, each known by its extent
 * table. Where the content lies elsewhere, it has to be done there.
 */
export type ContentStep =
  | { readonly make: number }
  | { readonly fill: number; readonly from: number }
  | { readonly clear: number; readonly fromExtent: number }
  | { readonly drop: number };

/**
 * The metadata of a store: one SQLite connection with its statements prepared once. Everything is
 * synchronous.
 */
export class Database {
  readonly path: string;
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #ownCommits = 0;
  /** For whoever wants to know what is done with contents, while it wants to. */
  contents: ContentStep[] | undefined;
  /** In how many extents two tables differ, where the contents lie elsewhere and somebody knows. */
  compare: ((tableId: number, otherTableId: number) => number) | undefined;

  /** @param options.isDurable false: nothing of it outlives this process */
  constructor(path: string, { isDurable = true }: { readonly isDurable?: boolean } = {}) {
    this.path = path;
    makePrivateFile(path);
    this.#connection = new DatabaseSync(path, { timeout: busyTimeoutMilliseconds });
    this.execute(isDurable ? durable : passing);
  }

  execute(sql: string): void {
    this.#guard(() => this.#connection.exec(sql));
  }

  pragma(name: "user_version" | "application_id" | "data_version"): number {
    return Number(this.one<Record<string, number>>(`PRAGMA ${name}`)?.[name]);
  }

  run(sql: string, ...values: SQLInputValue[]): { changes: number; lastId: number } {
    const result = this.#guard(() => this.#statement(sql).run(...values));
    return { changes: Number(result.changes), lastId: Number(result.lastInsertRowid) };
  }

  /** The first row, of the shape that the statement selects. */
  one<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#guard(() => this.#statement(sql).get(...values)) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#guard(() => this.#statement(sql).all(...values)) as Row[];
  }

  /**
   * Runs `work` as one transaction: durable when this returns, undone when it throws. `work` is
   * synchronous, so that no transaction is ever open across an await.
   * @throws STORE_IN_USE, STORE_FULL, STORE_CORRUPT, DISK_FAILED, and whatever `work` throws
   */
  transaction<Result>(work: () => Result): Result {
    this.execute("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.execute("COMMIT");
      this.#ownCommits++;
      return result;
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  /** Runs reads that see one state of the metadata. */
  snapshot<Result>(work: () => Result): Result {
    this.execute("BEGIN");
    try {
      return work();
    } finally {
      this.execute("COMMIT");
    }
  }

  /**
   * Runs `work` as a transaction that is undone.
   * @returns also what it has changed in the rows of tables that have a primary key: a changeset of
   *   SQLite's, empty where nothing has changed. It has no AUTOINCREMENT counters and no schema
   */
  rehearse<Result>(work: () => Result): { readonly result: Result; readonly changeset: Uint8Array } {
    this.execute("BEGIN IMMEDIATE");
    const session = this.#connection.createSession();
    try {
      return { result: work(), changeset: this.#guard(() => session.changeset()) };
    } finally {
      session.close();
      this.#rollback();
    }
  }

  /**
   * Makes the changes of a changeset, inside a transaction.
   * @returns false when rows aren't as they were where it was made, or are there already; the
   *   transaction is to be undone then
   */
  applyChangeset(changeset: Uint8Array): boolean {
    const onConflict = (): number => constants.SQLITE_CHANGESET_ABORT;
    return changeset.byteLength === 0 || this.#guard(() => this.#connection.applyChangeset(changeset, { onConflict }));
  }

  /** Runs `work` while nothing that refers to others is looked at; outside a transaction. */
  withoutForeignKeys<Result>(work: () => Result): Result {
    this.execute("PRAGMA foreign_keys = OFF");
    try {
      return work();
    } finally {
      this.execute("PRAGMA foreign_keys = ON");
    }
  }

  /**
   * What made it necessary is what has to be told, whatever comes of it: a transaction that is not
   * committed is undone.
   */
  #rollback(): void {
    try {
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself where the disk fails.
    }
  }

  /** Changes whenever anybody, in this process or another, has committed. */
  generation(): string {
    return `${this.pragma("data_version")}.${this.#ownCommits}`;
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw visibleSqliteError(this.path, error);
    }
  }
}

/** What SQLite says of the metadata at a path, by its name where it has one. */
export const visibleSqliteError = (path: string, error: unknown): unknown => {
  switch (sqliteCode(error)) {
    case sqliteBusy:
      return new VisibleError(
        "STORE_IN_USE",
        `Another process has been writing ${path} for over ${busyTimeoutMilliseconds / 1000} s.`,
        { hint: "Look for a process that hangs with the store open.", cause: error },
      );
    case sqliteFull:
      return storeFull(path, { cause: error });
    case sqliteIoError:
    // A file system that met an error is read-only from then on.
    case sqliteReadOnly:
      return diskFailed(path, error);
    case sqliteCorrupt:
    case sqliteNotADatabase:
      return new VisibleError("STORE_CORRUPT", `The metadata ${path} is damaged.`, {
        hint: "Check the disk; restore points on other sites are not affected.",
        cause: error,
      });
    default:
      return error;
  }
};
