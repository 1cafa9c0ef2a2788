import { randomInt } from "node:crypto";
import type { Database } from "../../extentstore/database/database.ts";

/*
 * Records that begin on a cluster where others have been lost. What the lost ones had made stays,
 * with its LUN ids, so what these make lies in other targets. Inside a transaction.
 */

const name = "records after lost ones";

/** Undefined: the cluster's first records. */
export const eraOf = (database: Database): number | undefined =>
  database.one<{ value: number }>("SELECT value FROM counters WHERE name = ?", name)?.value;

export const beginEra = (database: Database): void => {
  database.run("INSERT OR IGNORE INTO counters VALUES (?, ?)", name, randomInt(2 ** 47));
};
