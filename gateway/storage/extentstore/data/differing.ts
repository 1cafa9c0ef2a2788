import type { Database } from "../database/database.ts";

/* Where two extent tables differ. Everything here runs inside the caller's transaction. */

const content =
  "SELECT extent, versionId, digest FROM extents LEFT JOIN versions ON versions.id = versionId WHERE tableId";
const both = `(${content} = ?1) one FULL JOIN (${content} = ?2) other USING (extent)`;
const isOther = "one.versionId IS NOT other.versionId";

/**
 * How many extents of two tables hold something else. What was written again with the same bytes is
 * the same; a version that is lost is like no other.
 */
export const countDiffering = (database: Database, tableId: number, otherTableId: number): number =>
  database.compare?.(tableId, otherTableId) ??
  database.one<{ count: number }>(
    `SELECT count(*) AS count FROM ${both}
     WHERE ${isOther} AND (one.digest IS NOT other.digest OR one.digest IS NULL)`,
    tableId,
    otherTableId,
  )?.count ??
  0;

/** The extents of two tables that are not the very same. */
export const otherExtents = (database: Database, tableId: number, otherTableId: number): number[] =>
  database
    .all<{ extent: number }>(`SELECT extent FROM ${both} WHERE ${isOther} ORDER BY extent`, tableId, otherTableId)
    .map(({ extent }) => extent);
