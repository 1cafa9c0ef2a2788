import { bytesText } from "../../../../core/api/bytes.ts";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { StoragePool } from "../../../../core/api/facilities.ts";

import type { Database } from "../database/database.ts";

/* Everything here runs inside the caller's transaction. */

/** There always, without a limit of its own. */
export const defaultPool = "default";

interface PoolRow {
  readonly name: string;
  readonly capacityBytes: number | null;
}

export const listPools = (database: Database): StoragePool[] =>
  database
    .all<PoolRow & { usedBytes: number }>(
      `SELECT name, capacityBytes, ifnull((SELECT sum(sizeBytes) FROM volumes WHERE pool = pools.name), 0) AS usedBytes
       FROM pools ORDER BY name`,
    )
    .map(({ name, capacityBytes, usedBytes }) => ({
      name,
      ...(capacityBytes !== null && { capacityBytes }),
      usedBytes,
    }));

/** @returns the pool's name; `default` where none is asked for. @throws POOL_UNKNOWN */
export const findPool = (database: Database, name = defaultPool): string => {
  if (database.one("SELECT 1 FROM pools WHERE name = ?", name) !== undefined) return name;
  const names = listPools(database).map((pool) => `“${pool.name}”`);
  throw new VisibleError("POOL_UNKNOWN", `There is no storage pool “${name}” here.`, {
    hint: `There are: ${names.join(", ")}.`,
  });
};

/**
 * To be asked after volumes were made or grew: what is too much is undone with the transaction.
 * @param forWhat the object that needs it: `“web”`
 * @throws POOL_FULL
 */
export const refuseFullPool = (database: Database, name: string, forWhat: string): void => {
  const pool = database.one<PoolRow>("SELECT * FROM pools WHERE name = ? AND capacityBytes IS NOT NULL", name);
  if (pool === undefined || pool.capacityBytes === null) return;
  const usedBytes =
    database.one<{ sum: number | null }>("SELECT sum(sizeBytes) AS sum FROM volumes WHERE pool = ?", name)?.sum ?? 0;
  if (usedBytes <= pool.capacityBytes) return;
  throw new VisibleError(
    "POOL_FULL",
    `The storage pool “${name}” takes ${bytesText(pool.capacityBytes)}, and for ${forWhat} ${bytesText(usedBytes - pool.capacityBytes)} are missing.`,
    { hint: "Delete what is not needed in it, use another pool, or make it larger." },
  );
};
