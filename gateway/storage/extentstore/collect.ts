import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import type { StorageCall } from "../driver.ts";
import type { StoredBlock } from "./blocks.ts";
import { isBlock } from "./codec.ts";
import { type Damage, damagedOffsets, noteDamage } from "./damage.ts";
import { DataFileReaders, type DataFileWriter, dataFileIdOf, dataFilePath, removeDataFile } from "./datafile.ts";
import { FileLock } from "./locks.ts";
import type { Store } from "./store.ts";
import { loadVersion, moveVersion, versionsOf } from "./versionfiles.ts";

/** A data file with more dead bytes than this part of it is copied without them. */
const deadFractionMax = 0.5;

/** The blocks of a data file that somebody refers to, by their offset. */
type LiveBlocks = Map<number, Pick<StoredBlock, "storedBytes" | "hash">>;

// Copying is synchronous, so one buffer is enough.
const scratch = Buffer.allocUnsafe(blockBytes);

/**
 * Gives back the space of blocks that nobody refers to any more: what dead writers left, data files without a live block,
 * and, when asked to `compact`, the dead part of files that are mostly dead. One driver at a time does it; the others
 * leave it to that one. Files that somebody alive still appends to are not touched. When the signal is aborted, the files that
 * are left stay suspect until the next time.
 */
export const collect = async (store: Store, options: { readonly compact: boolean } & StorageCall): Promise<void> => {
  const lock = FileLock.tryAcquire(join(store.locksDir, "collect"));
  if (lock === undefined) return;
  try {
    store.writer.buryTheDead();
    removeStrays(store);
    const visited = new Set<number>();
    for (let fileId = nextSuspect(store, visited); fileId !== undefined; fileId = nextSuspect(store, visited)) {
      visited.add(fileId);
      if (!collectFile(store, fileId, options.compact)) return;
      options.onMoved?.();
      await setImmediate();
      if (options.signal?.aborted) return;
    }
  } finally {
    lock.release();
  }
};

/**
 * Removes data files that have no row: their row goes first, then they. The folder is listed before the rows, and rows are made
 * before their files, so a file that is being made isn't taken for one.
 */
const removeStrays = ({ database, dataDir }: Store): void => {
  const present = readdirSync(dataDir).map(dataFileIdOf);
  const known = new Set(database.all<{ id: number }>("SELECT id FROM files").map((row) => row.id));
  for (const fileId of present) {
    if (fileId !== undefined && !known.has(fileId)) removeDataFile(dataDir, fileId);
  }
};

const nextSuspect = ({ database }: Store, visited: ReadonlySet<number>): number | undefined =>
  database
    .all<{ id: number }>("SELECT id FROM files WHERE suspect = 1 AND writer IS NULL ORDER BY id")
    .find((row) => !visited.has(row.id))?.id;

/** @returns whether to go on with other files */
const collectFile = (store: Store, fileId: number, compact: boolean): boolean => {
  const found = store.database.transaction(() => judgeFile(store, fileId));
  if (found === "empty") removeDataFile(store.dataDir, fileId);
  return found === "empty" || found === "kept" || !compact || compactFile(store, fileId, found);
};

/**
 * Forgets an empty file, clears one that is mostly alive of suspicion, or tells what is alive in it. One transaction, so that
 * what becomes dead meanwhile is suspected anew. A file with damaged blocks stays as it is, and suspect, until they are mended or
 * dead: its bytes may be of use to somebody who looks at them.
 */
const judgeFile = (store: Store, fileId: number): "empty" | "kept" | LiveBlocks => {
  const { database, dataDir } = store;
  const live = liveBlocks(store, fileId);
  if (live === undefined) return "kept";
  if (live.size === 0) {
    forgetFile(store, fileId);
    return "empty";
  }
  const totalBytes = statSync(dataFilePath(dataDir, fileId), { throwIfNoEntry: false })?.size ?? 0;
  noteCutOff(database, { fileId, live, totalBytes });
  let liveBytes = 0;
  for (const { storedBytes } of live.values()) liveBytes += storedBytes;
  for (const offset of damagedOffsets(database, fileId)) if (live.has(offset)) return "kept";
  if (totalBytes - liveBytes > totalBytes * deadFractionMax) return live;
  database.run("UPDATE files SET suspect = 0 WHERE id = ?", fileId);
  return "kept";
};

/** Notes the blocks that are behind the end of their file, all of them where there is none. */
const noteCutOff = (
  database: Store["database"],
  file: { readonly fileId: number; readonly live: LiveBlocks; readonly totalBytes: number },
): void => {
  let from = Number.POSITIVE_INFINITY;
  for (const [offset, { storedBytes }] of file.live) {
    if (offset + storedBytes > file.totalBytes) from = Math.min(from, offset);
  }
  if (from < Number.POSITIVE_INFINITY) noteDamage(database, { fileId: file.fileId, from });
};

/**
 * The live blocks of a file without a writer can only become fewer: new versions copy references from old ones.
 * @returns undefined when a table is damaged, which is noted: nothing can be told until it is mended or gone
 */
const liveBlocks = ({ database }: Store, fileId: number): LiveBlocks | undefined => {
  const live: LiveBlocks = new Map();
  for (const versionId of versionsOf(database, fileId)) {
    const table = loadVersion(database, versionId);
    if (table === "damaged") {
      noteDamage(database, { versionId });
      return undefined;
    }
    for (let block = 0; block < (table?.blockCount ?? 0); block++) {
      if (table?.fileId(block) !== fileId) continue;
      // A view would keep the whole table.
      live.set(table.offset(block), { storedBytes: table.storedBytes(block), hash: table.hash(block).slice() });
    }
  }
  return live;
};

const compactFile = (store: Store, fileId: number, live: LiveBlocks): boolean => {
  const { database, dataDir, openFiles } = store;
  let file: DataFileWriter | undefined;
  try {
    file = openFiles.acquireSeparate();
    const moved = copyBlocks({ dataDir, fileId, live, into: file });
    if ("damaged" in moved) {
      store.damage.note(moved.damaged);
      return true;
    }
    const into = file.id;
    database.transaction(() => {
      for (const versionId of versionsOf(database, fileId)) {
        moveBlocks(database, { versionId, fileId, into, moved: moved.offsets });
      }
      forgetFile(store, fileId);
    });
  } catch (error) {
    // Without room for the copy the dead bytes stay until there is; the file remains suspect.
    if (VisibleError.is(error, "STORE_FULL")) return false;
    throw error;
  } finally {
    if (file !== undefined) openFiles.release(file);
  }
  removeDataFile(dataDir, fileId);
  return true;
};

/** @returns the new offsets by the old ones, durable, or what is damaged: damage isn't carried along */
const copyBlocks = (options: {
  readonly dataDir: string;
  readonly fileId: number;
  readonly live: LiveBlocks;
  readonly into: DataFileWriter;
}): { readonly offsets: ReadonlyMap<number, number> } | { readonly damaged: Damage } => {
  const { fileId, live, into } = options;
  const files = new DataFileReaders(options.dataDir);
  const offsets = new Map<number, number>();
  try {
    for (const [offset, { storedBytes, hash }] of [...live].sort(([a], [b]) => a - b)) {
      const stored = Buffer.allocUnsafe(storedBytes);
      const had = files.read(fileId, offset, stored);
      if (had !== storedBytes || !isBlock(stored, hash, scratch)) return { damaged: { fileId, offset } };
      offsets.set(offset, into.appendStored(stored));
    }
    into.syncNow();
    return { offsets };
  } finally {
    files.close();
  }
};

const moveBlocks = (
  database: Store["database"],
  move: { versionId: number; fileId: number; into: number; moved: ReadonlyMap<number, number> },
): void => {
  const { versionId, fileId, into, moved } = move;
  const table = loadVersion(database, versionId);
  if (table === undefined || table === "damaged")
    throw new Error(`version ${versionId} changed while its blocks were moved`);
  for (let block = 0; block < table.blockCount; block++) {
    if (table.fileId(block) !== fileId) continue;
    const offset = moved.get(table.offset(block));
    if (offset === undefined)
      throw new Error(`block ${block} of version ${versionId} came alive while it was collected`);
    table.set(block, { fileId: into, offset, storedBytes: table.storedBytes(block), hash: table.hash(block) });
  }
  moveVersion(database, versionId, table);
};

const forgetFile = ({ database }: Store, fileId: number): void => {
  database.run("DELETE FROM files WHERE id = ?", fileId);
};
