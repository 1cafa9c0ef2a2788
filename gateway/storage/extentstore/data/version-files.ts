import type { Database } from "../database/database.ts";
import { BlockTable, BlockTableDamaged } from "./blocks.ts";

/*
 * Extent versions by themselves: their block tables, and which data files they refer to. Everything
 * here runs inside the caller's transaction.
 */

/** @throws BlockTableDamaged */
export const unpackBlocks = (row: { readonly id: number; readonly blocks: Uint8Array }): BlockTable => {
  try {
    return BlockTable.unpack(row.blocks);
  } catch (error) {
    throw error instanceof BlockTableDamaged ? new BlockTableDamaged(row.id) : error;
  }
};

/** @returns a version's block table, or undefined when there is no such version */
export const loadVersion = (database: Database, versionId: number): BlockTable | "damaged" | undefined => {
  const row = database.one<{ blocks: Uint8Array }>("SELECT blocks FROM versions WHERE id = ?", versionId);
  try {
    return row && unpackBlocks({ id: versionId, ...row });
  } catch (error) {
    if (error instanceof BlockTableDamaged) return "damaged";
    throw error;
  }
};

/** Says where a version's blocks are now; its content stays. */
export const moveVersion = (database: Database, versionId: number, table: BlockTable): void => {
  database.run("UPDATE versions SET blocks = ? WHERE id = ?", table.pack(), versionId);
  setVersionFiles(database, versionId, table.fileIds());
};

/** The versions that refer to a data file. */
export const versionsOf = (database: Database, fileId: number): number[] =>
  database
    .all<{ versionId: number }>("SELECT versionId FROM versionFiles WHERE fileId = ?", fileId)
    .map((row) => row.versionId);

/** The data files that a version refers to, whatever its block table is like. */
export const filesOf = (database: Database, versionId: number): number[] =>
  database
    .all<{ fileId: number }>("SELECT fileId FROM versionFiles WHERE versionId = ?", versionId)
    .map((row) => row.fileId);

/** Says which data files a version refers to. */
export const setVersionFiles = (database: Database, versionId: number, fileIds: ReadonlySet<number>): void => {
  database.run("DELETE FROM versionFiles WHERE versionId = ?", versionId);
  for (const fileId of fileIds) {
    database.run("INSERT INTO versionFiles (versionId, fileId) VALUES (?, ?)", versionId, fileId);
  }
};

/** Asks the collector to look at data files. */
export const markSuspect = (database: Database, fileIds: Iterable<number>): void => {
  for (const fileId of fileIds) database.run("UPDATE files SET suspect = 1 WHERE id = ? AND suspect = 0", fileId);
};
