import type { Database } from "../database/database.ts";
import type { BlockLocation, BlockTable } from "./blocks.ts";
import { filesOf, loadVersion, markSuspect, moveVersion, versionsOf } from "./version-files.ts";

/*
 * Damage that was found, by whoever read it, and is not mended yet: which blocks, and which extent
 * versions have one of them or a damaged block table. Nothing that a version refers to is changed
 * because of it, so what a disk reads again later is there. Everything here but `DamageNotes` and
 * the reads runs inside the caller's transaction.
 */

/**
 * What was found: a block, whatever lies in a data file from somewhere on, or a
 * version's block table.
 */
export type DamagedPlace =
  | { readonly fileId: number; readonly offset: number }
  | { readonly fileId: number; readonly from: number }
  | { readonly versionId: number };

/** Where readers tell of damage, outside any transaction. */
export class DamageNotes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Remembers damage. Never fails: whoever found it has an error to throw, and whoever reads there
   * again finds it again.
   */
  note(damage: DamagedPlace): void {
    try {
      if (this.#isNoted(damage)) return;
      this.#database.transaction(() => noteDamage(this.#database, damage));
    } catch {
      // The disk may be full, or the metadata damaged as well.
    }
  }

  #isNoted(damage: DamagedPlace): boolean {
    if ("versionId" in damage) return isDamaged(this.#database, damage.versionId);
    return "offset" in damage && damagedOffsets(this.#database, damage.fileId).has(damage.offset);
  }
}

/**
 * Marks every version that shares what is damaged. What was mended or moved since it was read is
 * left alone.
 */
export const noteDamage = (database: Database, damage: DamagedPlace): void => {
  if ("versionId" in damage) {
    if (loadVersion(database, damage.versionId) === "damaged") markDamaged(database, damage.versionId);
    return;
  }
  for (const versionId of versionsOf(database, damage.fileId)) {
    const table = loadVersion(database, versionId);
    if (table === "damaged") markDamaged(database, versionId);
    else if (table !== undefined && noteBlocks(database, table, damage)) markDamaged(database, versionId);
  }
};

/** @returns whether the version has blocks there */
const noteBlocks = (
  database: Database,
  table: BlockTable,
  damage: Exclude<DamagedPlace, { versionId: number }>,
): boolean => {
  const { fileId } = damage;
  const isIn = (offset: number) => ("offset" in damage ? offset === damage.offset : offset >= damage.from);
  let found = false;
  for (let block = 0; block < table.blockCount; block++) {
    if (table.fileId(block) !== fileId || !isIn(table.offset(block))) continue;
    found = true;
    database.run(
      "INSERT OR IGNORE INTO damagedBlocks (fileId, offset, storedBytes, hash) VALUES (?, ?, ?, ?)",
      fileId,
      table.offset(block),
      table.storedBytes(block),
      table.hash(block),
    );
  }
  return found;
};

/**
 * Call when a version was written: says whether it is damaged now, and mends with what was written
 * anew what is the same elsewhere: tables of versions with the same content, and damaged blocks
 * with the same content in whichever version.
 */
export const settleDamage = (
  database: Database,
  written: {
    readonly versionId: number;
    readonly digest: Uint8Array;
    readonly table: BlockTable;
    readonly blocks: Iterable<number>;
  },
): void => {
  if (database.one("SELECT 1 FROM damagedVersions LIMIT 1") === undefined) return;
  const { versionId, table, digest } = written;
  if (!judgeVersion(database, versionId, table)) mendVersions(database, digest, table);
  mendBlocks(database, written);
};

/** Gives damaged versions that have the same content a table that is sound. */
const mendVersions = (database: Database, digest: Uint8Array, table: BlockTable): void => {
  const damaged = database.all<{ id: number }>(
    "SELECT id FROM damagedVersions JOIN versions ON id = versionId WHERE digest = ?",
    digest,
  );
  for (const { id } of damaged) {
    markSuspect(database, filesOf(database, id));
    moveVersion(database, id, table);
    database.run("DELETE FROM damagedVersions WHERE versionId = ?", id);
  }
};

/** Call when a block that was noted turned out to be as it should be after all. */
export const forgetDamage = (database: Database, { fileId, offset }: { fileId: number; offset: number }): void => {
  database.run("DELETE FROM damagedBlocks WHERE fileId = ? AND offset = ?", fileId, offset);
  for (const versionId of versionsOf(database, fileId)) {
    const table = isDamaged(database, versionId) ? loadVersion(database, versionId) : undefined;
    if (table !== undefined && table !== "damaged") judgeVersion(database, versionId, table);
  }
  markSuspect(database, [fileId]);
};

/** Points whatever refers to a damaged block at the same content where it was written anew. */
const mendBlocks = (
  database: Database,
  written: { readonly versionId: number; readonly table: BlockTable; readonly blocks: Iterable<number> },
): void => {
  const moves = new Map<number, Map<number, BlockLocation>>();
  for (const block of written.blocks) {
    if (written.table.isHole(block)) continue;
    const sound = written.table.get(block);
    const damaged = database.all<{ fileId: number; offset: number }>(
      "SELECT fileId, offset FROM damagedBlocks WHERE hash = ?",
      sound.hash,
    );
    for (const { fileId, offset } of damaged) {
      const ofFile = moves.get(fileId) ?? new Map<number, BlockLocation>();
      moves.set(fileId, ofFile.set(offset, sound));
    }
  }
  for (const [fileId, ofFile] of moves) {
    for (const offset of ofFile.keys()) {
      database.run("DELETE FROM damagedBlocks WHERE fileId = ? AND offset = ?", fileId, offset);
    }
    for (const versionId of versionsOf(database, fileId)) {
      const table = versionId === written.versionId ? written.table : loadVersion(database, versionId);
      if (table === undefined || table === "damaged") continue;
      if (moveBlocks(table, fileId, ofFile)) moveVersion(database, versionId, table);
      judgeVersion(database, versionId, table);
    }
    markSuspect(database, [fileId]);
  }
};

/** @returns whether the table had any of the blocks */
const moveBlocks = (table: BlockTable, fileId: number, moves: ReadonlyMap<number, BlockLocation>): boolean => {
  let moved = false;
  for (let block = 0; block < table.blockCount; block++) {
    const to = table.fileId(block) === fileId ? moves.get(table.offset(block)) : undefined;
    if (to === undefined) continue;
    table.set(block, to);
    moved = true;
  }
  return moved;
};

/**
 * Says of a version whose table is as it should be whether one of its blocks is damaged. @returns
 * whether one is
 */
export const judgeVersion = (database: Database, versionId: number, table: BlockTable): boolean => {
  for (const fileId of table.fileIds()) {
    const offsets = damagedOffsets(database, fileId);
    if (offsets.size === 0) continue;
    for (let block = 0; block < table.blockCount; block++) {
      if (table.fileId(block) !== fileId || !offsets.has(table.offset(block))) continue;
      markDamaged(database, versionId);
      return true;
    }
  }
  database.run("DELETE FROM damagedVersions WHERE versionId = ?", versionId);
  return false;
};

const markDamaged = (database: Database, versionId: number): void => {
  database.run("INSERT OR IGNORE INTO damagedVersions (versionId) VALUES (?)", versionId);
};

/** Whether damage was found in a version. */
export const isDamaged = (database: Database, versionId: number): boolean =>
  database.one("SELECT 1 FROM damagedVersions WHERE versionId = ?", versionId) !== undefined;

/** Where in a data file damaged blocks are. */
export const damagedOffsets = (database: Database, fileId: number): ReadonlySet<number> =>
  new Set(
    database
      .all<{ offset: number }>("SELECT offset FROM damagedBlocks WHERE fileId = ?", fileId)
      .map((row) => row.offset),
  );

/** The extents of a table in which damage was found, ascending. */
export const damagedExtents = (database: Database, tableId: number): number[] =>
  database
    .all<{ extent: number }>(
      `SELECT extent FROM extents JOIN damagedVersions USING (versionId) WHERE tableId = ? ORDER BY extent`,
      tableId,
    )
    .map((row) => row.extent);
