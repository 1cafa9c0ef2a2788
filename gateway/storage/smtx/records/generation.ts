import type { Database } from "../../extentstore/database/database.ts";

/*
 * How often something was made on the cluster for the records. Who has looked at the cluster before
 * that knows too little of it: what it does not find would be taken for gone. Inside a transaction.
 */

const name = "made on the cluster";

export const generationOf = (database: Database): number =>
  database.one<{ value: number }>("SELECT value FROM counters WHERE name = ?", name)?.value ?? 0;

export const raiseGeneration = (database: Database): void => {
  database.run("INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1", name);
};
