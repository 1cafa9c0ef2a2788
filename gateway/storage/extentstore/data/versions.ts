import assert from "node:assert/strict";
import { VisibleError } from "../../../../core/api/errors.ts";
import { extentDigest, extentDigestBytes } from "../../block-hash.ts";
import type { ExtentDigest, ExtentToken } from "../../volume-io.ts";
import type { Database } from "../database/database.ts";
import type { BlockSet } from "./block-set.ts";
import { BlockTable, BlockTableDamaged, damageHint } from "./blocks.ts";
import { settleDamage } from "./damage.ts";
import { filesOf, markSuspect, setVersionFiles, unpackBlocks } from "./version-files.ts";

interface VersionRow {
  readonly id: number;
  readonly generation: number;
  readonly blocks: Uint8Array;
}

/** What stands for the digest of an extent that is damaged: no content has it. */
export const damagedDigest: Uint8Array = new Uint8Array(extentDigestBytes).fill(0xff);

/**
 * Writes to one extent that aren't committed: `table` holds them among the committed ones, `dirty`
 * says which they are.
 */
export interface PendingExtent {
  readonly extent: number;
  readonly table: BlockTable;
  readonly dirty: BlockSet;
}

/*
 * Extent tables: what volumes and snapshots consist of. Everything here but the reads runs inside
 * the caller's transaction.
 */

/** Makes an extent table that is all holes. @returns its id */
export const createTable = (database: Database): number => {
  const tableId = database.run("INSERT INTO tables (frozenEpoch) VALUES (?)", currentGeneration(database)).lastId;
  database.contents?.push({ make: tableId });
  return tableId;
};

/**
 * Makes a table of the same extents; both are copied on write from now on. @returns its id. @throws
 * STORE_CORRUPT
 */
export const copyTable = (database: Database, tableId: number): number => {
  const copyId = createTable(database);
  fillTable(database, { tableId: copyId, fromTableId: tableId });
  return copyId;
};

/**
 * The same, where extents whose version is lost may be holes, because somebody compares what is
 * there later.
 */
export const copyWhatIsThere = (database: Database, tableId: number): number => {
  const copyId = createTable(database);
  fillWithWhatIsThere(database, { tableId: copyId, fromTableId: tableId });
  return copyId;
};

/**
 * Points an empty table at another's extents; both are copied on write from now on.
 * @throws STORE_CORRUPT
 */
export const fillTable = (database: Database, options: { tableId: number; fromTableId: number }): void => {
  fillWithWhatIsThere(database, options);
  const { tableId, fromTableId } = options;
  const lost = database.one<{ extent: number }>(
    `SELECT extent FROM extents WHERE tableId = ? EXCEPT SELECT extent FROM extents WHERE tableId = ? LIMIT 1`,
    fromTableId,
    tableId,
  );
  if (lost !== undefined) throw damagedTable(database, `extent ${lost.extent} of table ${fromTableId} has no version`);
};

/**
 * The same, where extents whose version is lost may be holes, because somebody
 * compares digests later.
 */
export const fillWithWhatIsThere = (database: Database, options: { tableId: number; fromTableId: number }): void => {
  const { tableId, fromTableId } = options;
  database.contents?.push({ fill: tableId, from: fromTableId });
  database.run(
    `INSERT INTO extents (tableId, extent, versionId) SELECT ?, extent, versionId FROM extents
     WHERE tableId = ? AND EXISTS (SELECT 1 FROM versions WHERE id = versionId)`,
    tableId,
    fromTableId,
  );
  database.run(
    "UPDATE tables SET frozenEpoch = ? WHERE id IN (?, ?)",
    currentGeneration(database),
    tableId,
    fromTableId,
  );
};

/**
 * Makes the extents of a table from `fromExtent` on holes. Versions that nobody refers to any more
 * are gone with it.
 */
export const clearTable = (database: Database, tableId: number, fromExtent = 0): void => {
  database.contents?.push({ clear: tableId, fromExtent });
  database.execute("CREATE TEMP TABLE IF NOT EXISTS dropped (versionId INTEGER PRIMARY KEY)");
  database.run(
    "INSERT OR IGNORE INTO dropped SELECT versionId FROM extents WHERE tableId = ? AND extent >= ?",
    tableId,
    fromExtent,
  );
  database.run("DELETE FROM extents WHERE tableId = ? AND extent >= ?", tableId, fromExtent);
  database.run("DELETE FROM dropped WHERE EXISTS (SELECT 1 FROM extents WHERE extents.versionId = dropped.versionId)");
  database.run(
    `UPDATE files SET suspect = 1 WHERE suspect = 0 AND id IN (
       SELECT fileId FROM versionFiles WHERE versionId IN (SELECT versionId FROM dropped))`,
  );
  database.run("DELETE FROM versionFiles WHERE versionId IN (SELECT versionId FROM dropped)");
  database.run("DELETE FROM versions WHERE id IN (SELECT versionId FROM dropped)");
  database.run("DELETE FROM dropped");
};

/** Call when the row that refers to the table is gone. */
export const dropTable = (database: Database, tableId: number): void => {
  clearTable(database, tableId);
  database.run("DELETE FROM tables WHERE id = ?", tableId);
  database.contents?.push({ drop: tableId });
};

/** @returns the extent's block table, or undefined for a hole. @throws BlockTableDamaged */
export const loadBlocks = (database: Database, tableId: number, extent: number): BlockTable | undefined => {
  const row = findVersion(database, tableId, extent);
  return row === undefined ? undefined : unpackBlocks(row);
};

/**
 * The tokens of a table: (id, generation) of each extent's version. Ids of versions that are gone
 * are used again, pairs never.
 */
export const extentTokens = (database: Database, tableId: number, extents: number): ExtentToken[] => {
  const tokens = new Array<ExtentToken>(extents).fill(null);
  const rows = database.all<{ extent: number; versionId: number; generation: number | null }>(
    `SELECT extent, versionId, epoch AS generation FROM extents LEFT JOIN versions ON versions.id = versionId WHERE tableId = ?`,
    tableId,
  );
  for (const row of rows) {
    refusePastEnd(database, tableId, row.extent, extents);
    tokens[row.extent] = `${row.versionId}.${row.generation ?? "lost"}`;
  }
  return tokens;
};

/** The digests of a table's extents: all, or those from `from` up to, not including, `until`. */
export const extentDigests = (
  database: Database,
  tableId: number,
  extents: number,
  { from, until } = { from: 0, until: extents },
): ExtentDigest[] => {
  const digests = new Array<ExtentDigest>(until - from).fill(null);
  const rows = database.all<{ extent: number; digest: Uint8Array | null }>(
    `SELECT extent, digest FROM extents LEFT JOIN versions ON versions.id = versionId
     WHERE tableId = ? AND extent >= ? AND extent < ?`,
    tableId,
    from,
    until < extents ? until : Number.MAX_SAFE_INTEGER,
  );
  for (const row of rows) {
    refusePastEnd(database, tableId, row.extent, extents);
    digests[row.extent - from] = row.digest ?? damagedDigest;
  }
  return digests;
};

/** @throws STORE_CORRUPT */
const refusePastEnd = (database: Database, tableId: number, extent: number, extents: number): void => {
  if (extent < extents) return;
  throw damagedTable(database, `table ${tableId} of ${extents} extents has an extent ${extent}`);
};

const damagedTable = ({ path }: Database, what: string): VisibleError =>
  new VisibleError("STORE_CORRUPT", `The metadata ${path} is damaged: ${what}.`, { hint: damageHint });

/**
 * Makes writes to an extent visible. They are put over what the table holds *now*: the collector
 * may have moved blocks since the writer read them. Where all of the extent is written, nobody
 * looks at what it was, which may be damaged.
 * @returns what the extent consists of afterwards. @throws BlockTableDamaged
 */
export const commitExtent = (database: Database, tableId: number, pending: PendingExtent): BlockTable => {
  const { extent } = pending;
  const under = pending.dirty.isFull ? undefined : findVersion(database, tableId, extent);
  const before = under ?? findReplaced(database, tableId, extent);
  const table = under === undefined ? BlockTable.holes(pending.table.blockCount) : unpackBlocks(under);
  const replacedFiles = new Set(under === undefined && before !== undefined ? filesOf(database, before.id) : []);
  for (const block of pending.dirty) {
    if (!table.isHole(block)) replacedFiles.add(table.fileId(block));
    table.copyBlock(pending.table, block);
  }
  const fileIds = table.fileIds();
  const digest = extentDigest(table.hashes());
  if (fileIds.size === 0) {
    clearExtent(database, tableId, extent);
  } else if (before !== undefined && before.generation > frozenGeneration(database, tableId)) {
    database.run("UPDATE versions SET digest = ?, blocks = ? WHERE id = ?", digest, table.pack(), before.id);
    setVersionFiles(database, before.id, fileIds);
    markSuspect(database, replacedFiles);
    settleDamage(database, { versionId: before.id, digest, table, blocks: pending.dirty });
  } else {
    clearExtent(database, tableId, extent);
    const versionId = database.run(
      "INSERT INTO versions (epoch, digest, blocks) VALUES (?, ?, ?)",
      nextGeneration(database),
      digest,
      table.pack(),
    ).lastId;
    setVersionFiles(database, versionId, fileIds);
    database.run("INSERT INTO extents (tableId, extent, versionId) VALUES (?, ?, ?)", tableId, extent, versionId);
    settleDamage(database, { versionId, digest, table, blocks: pending.dirty });
  }
  return table;
};

/** Points an extent of a table, a hole there, at another's; both are copied on write then. */
export const copyExtent = (
  database: Database,
  { tableId, fromTableId, extent }: { tableId: number; fromTableId: number; extent: number },
): void => {
  database.run(
    "INSERT INTO extents (tableId, extent, versionId) SELECT ?, extent, versionId FROM extents WHERE tableId = ? AND extent = ?",
    tableId,
    fromTableId,
    extent,
  );
  database.run(
    "UPDATE tables SET frozenEpoch = ? WHERE id IN (?, ?)",
    currentGeneration(database),
    tableId,
    fromTableId,
  );
};

/** Makes an extent of a table a hole. A version that nobody refers to any more is gone with it. */
export const clearExtent = (database: Database, tableId: number, extent: number): void => {
  const row = database.one<{ versionId: number }>(
    "DELETE FROM extents WHERE tableId = ? AND extent = ? RETURNING versionId",
    tableId,
    extent,
  );
  if (row === undefined) return;
  const { versionId } = row;
  if (database.one("SELECT 1 FROM extents WHERE versionId = ? LIMIT 1", versionId) !== undefined) return;
  const files = database.all<{ fileId: number }>(
    "DELETE FROM versionFiles WHERE versionId = ? RETURNING fileId",
    versionId,
  );
  markSuspect(
    database,
    files.map((file) => file.fileId),
  );
  database.run("DELETE FROM versions WHERE id = ?", versionId);
};

/** @returns undefined for a hole. @throws BlockTableDamaged when the extent's version is lost */
const findVersion = (database: Database, tableId: number, extent: number): VersionRow | undefined => {
  const row = database.one<VersionRow | { id: null }>(
    `SELECT id, epoch AS generation, blocks FROM extents LEFT JOIN versions ON versions.id = versionId
     WHERE tableId = ? AND extent = ?`,
    tableId,
    extent,
  );
  if (row?.id === null) throw new BlockTableDamaged();
  return row;
};

/** The version of an extent, if it is there, whatever its block table is like. */
const findReplaced = (database: Database, tableId: number, extent: number): Omit<VersionRow, "blocks"> | undefined =>
  database.one(
    "SELECT id, epoch AS generation FROM extents JOIN versions ON versions.id = versionId WHERE tableId = ? AND extent = ?",
    tableId,
    extent,
  );

const frozenGeneration = (database: Database, tableId: number): number =>
  database.one<{ frozenEpoch: number }>("SELECT frozenEpoch FROM tables WHERE id = ?", tableId)?.frozenEpoch ?? 0;

const currentGeneration = (database: Database): number =>
  database.one<{ value: number }>("SELECT value FROM counters WHERE name = 'epoch'")?.value ?? 0;

const nextGeneration = (database: Database): number => {
  const row = database.one<{ value: number }>(
    "UPDATE counters SET value = value + 1 WHERE name = 'epoch' RETURNING value",
  );
  assert(row !== undefined);
  return row.value;
};
