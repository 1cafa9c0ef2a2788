import type { Database } from "../../../extentstore/database/database.ts";
import type { Ledger } from "../ledger.ts";

/** Tables of each kind that the product has: counted, by text, without rowid, with children. */
export const makeTables = (database: Database): void => {
  if (database.pragma("user_version") > 0) return;
  database.transaction(() =>
    database.execute(`
      CREATE TABLE items (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, value TEXT) STRICT;
      CREATE TABLE groups (id TEXT PRIMARY KEY NOT NULL, tag TEXT UNIQUE, value ANY) STRICT;
      CREATE TABLE marks (
        groupId TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE,
        extent INTEGER NOT NULL,
        item INTEGER REFERENCES items(number),
        PRIMARY KEY (groupId, extent)
      ) STRICT, WITHOUT ROWID;
      PRAGMA user_version = 1;`),
  );
};

/** All rows and counters, but for who has the lease. */
export const dump = (database: Database): string => dumpBut(database, ["ledgerLeases"]);

/** The same without counters, which also count what came to nothing. */
export const dumpRows = (database: Database): string => dumpBut(database, ["ledgerLeases", "sqlite_sequence"]);

const dumpBut = (database: Database, left: readonly string[]): string => {
  const tables = database
    .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .filter(({ name }) => !left.includes(name));
  const rows = tables.map(({ name }) => {
    const all = database.all<object>(`SELECT * FROM ${name}`).map((row) => JSON.stringify(row));
    return [name, ...all.toSorted()];
  });
  return JSON.stringify([database.pragma("user_version"), rows]);
};

export const dumpOf = (ledger: Ledger): Promise<string> => ledger.read(dump);
