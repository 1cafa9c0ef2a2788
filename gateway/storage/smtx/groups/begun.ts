import type { Database } from "../../extentstore/database/database.ts";

/*
 * Group snapshots that the cluster was asked for and that no record has yet. Only of those may some
 * be there when they are asked for again. Everything here runs inside the caller's transaction.
 */

/** Those that were never asked for again. */
const begunMax = 1000;

/** @returns whether nobody has begun it before */
export const beginTaking = (database: Database, name: string): boolean => {
  if (database.one("SELECT 1 FROM begunSnapshots WHERE name = ?", name) !== undefined) return false;
  const last = database.one<{ number: number | null }>("SELECT max(number) AS number FROM begunSnapshots")?.number;
  const number = (last ?? 0) + 1;
  database.run("INSERT INTO begunSnapshots VALUES (?, ?)", name, number);
  database.run("DELETE FROM begunSnapshots WHERE number <= ?", number - begunMax);
  return true;
};

/** When the records have its snapshots. */
export const endTaking = (database: Database, name: string): void => {
  database.run("DELETE FROM begunSnapshots WHERE name = ?", name);
};
