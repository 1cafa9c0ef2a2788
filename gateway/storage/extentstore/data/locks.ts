import { randomUUID } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { VisibleError } from "../../../../core/api/errors.ts";
import { makePrivateFile } from "../../../files/private.ts";
import { type Database, sqliteCode, visibleSqliteError } from "../database/database.ts";
import { dropStagings } from "./stagings.ts";

const sqliteBusy = 5;
const writerLockPrefix = "writer-";

/**
 * A lock that ends with the process or thread that holds it. Node has no flock, so it is SQLite's
 * exclusive lock on an otherwise empty file: byte-range locks, which the kernel drops when the
 * process dies, and which SQLite keeps apart between the threads of one process too.
 */
export class FileLock {
  readonly #connection: DatabaseSync;

  private constructor(connection: DatabaseSync) {
    this.#connection = connection;
  }

  /**
   * @returns the lock, or undefined when somebody else still holds it after `waitMilliseconds`
   * @throws STORE_FULL, DISK_FAILED
   */
  static tryAcquire(path: string, waitMilliseconds = 0): FileLock | undefined {
    makePrivateFile(path);
    const connection = new DatabaseSync(path, { timeout: waitMilliseconds });
    try {
      connection.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE");
      return new FileLock(connection);
    } catch (error) {
      connection.close();
      if (sqliteCode(error) === sqliteBusy) return undefined;
      throw visibleSqliteError(path, error);
    }
  }

  release(): void {
    this.#connection.close();
  }
}

/**
 * One open driver, as the others see it: a row of `writers` and a lock file that is held as long as
 * the driver lives. What it is writing (volumes, data files) carries its id; when the lock is free,
 * its owner is dead and all that is let go.
 */
export class Writer {
  readonly id = randomUUID();
  readonly #database: Database;
  readonly #locksDir: string;
  readonly #lock: FileLock;

  /**
   * Rows and lock files come and go only inside transactions, so nobody sees one without the other.
   */
  constructor(database: Database, locksDir: string) {
    this.#database = database;
    this.#locksDir = locksDir;
    this.#lock = database.transaction(() => {
      const lock = FileLock.tryAcquire(this.#path(this.id));
      if (lock === undefined) throw new VisibleError("STORE_IN_USE", `${this.#path(this.id)} is locked.`);
      database.run("INSERT INTO writers (id) VALUES (?)", this.id);
      return lock;
    });
  }

  /** Whether the writer with this id still runs; for oneself too. Inside a transaction. */
  isAlive(id: string): boolean {
    return id === this.id || isHeld(this.#path(id));
  }

  /** Lets go of everything that writers which are dead were holding. */
  buryTheDead(): void {
    this.#database.transaction(() => {
      const known = this.#database.all<{ id: string }>("SELECT id FROM writers").map((row) => row.id);
      for (const id of known) {
        if (!this.isAlive(id)) this.#forget(id);
      }
      for (const name of readdirSync(this.#locksDir)) {
        const id = name.slice(writerLockPrefix.length);
        if (name.startsWith(writerLockPrefix) && !known.includes(id)) rmSync(join(this.#locksDir, name));
      }
    });
  }

  close(): void {
    try {
      this.#database.transaction(() => this.#forget(this.id));
    } finally {
      // Whoever finds it free lets go of what it held.
      this.#lock.release();
    }
  }

  #forget(id: string): void {
    this.#database.run("UPDATE volumes SET writer = NULL WHERE writer = ?", id);
    dropStagings(this.#database, id);
    this.#database.run("UPDATE files SET writer = NULL, suspect = 1 WHERE writer = ?", id);
    this.#database.run("DELETE FROM writers WHERE id = ?", id);
    rmSync(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return writerPath(this.#locksDir, id);
  }
}

const writerPath = (locksDir: string, id: string): string => join(locksDir, `${writerLockPrefix}${id}`);

const isHeld = (path: string): boolean => {
  const lock = FileLock.tryAcquire(path);
  lock?.release();
  return lock === undefined;
};

/** Whether any driver has the store open, as whoever is about to open it sees it. */
export const isAnybodyAlive = (database: Database, locksDir: string): boolean =>
  database.all<{ id: string }>("SELECT id FROM writers").some(({ id }) => isHeld(writerPath(locksDir, id)));
