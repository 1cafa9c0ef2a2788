import type { Database } from "../database/database.ts";
import { dropTable } from "./versions.ts";

/*
 * Which extent tables are being filled for a volume, and by whom. Everything here runs inside the
 * caller's transaction.
 */

export const insertStaging = (database: Database, tableId: number, writerId: string): void => {
  database.run("INSERT INTO stagings (tableId, writer) VALUES (?, ?)", tableId, writerId);
};

/** The table is somebody else's from now on. */
export const forgetStaging = (database: Database, tableId: number): void => {
  database.run("DELETE FROM stagings WHERE tableId = ?", tableId);
};

/** Gives up what a writer has begun and not swapped in. */
export const dropStagings = (database: Database, writerId: string): void => {
  const begun = database.all<{ tableId: number }>("DELETE FROM stagings WHERE writer = ? RETURNING tableId", writerId);
  for (const { tableId } of begun) dropTable(database, tableId);
};
