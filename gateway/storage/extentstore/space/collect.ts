import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { VisibleError } from "../../../../core/api/errors.ts";
import { asDiskError } from "../../../files/disk-errors.ts";
import type { StorageCall } from "../../call.ts";
import { dataFileIdOf } from "../data/data-file.ts";
import { FileLock } from "../data/locks.ts";
import type { Store } from "../data/store.ts";
import { removeDataFile } from "./remove.ts";
import { rewriteFiles } from "./rewrite.ts";
import { type FileSpace, measuredAtOnce, measuredFiles, measureFiles, type Pacer } from "./space.ts";

/** A data file with more dead bytes than this part of it is copied without them at once. */
const deadFractionMax = 0.5;

/**
 * Gives back the space of blocks that nobody refers to any more: what dead writers left, data files
 * without a live block, and, when asked to `compact`, the dead part of files that are mostly dead.
 * One driver at a time does it; the others leave it to that one. Files that somebody alive still
 * appends to are not touched. When the signal is aborted, what is left to do is left to the next
 * one.
 */
export const collect = async (store: Store, options: { readonly compact: boolean } & StorageCall): Promise<void> => {
  const { signal, onMoved } = options;
  const pace: Pacer = async () => {
    onMoved?.();
    await setImmediate();
    signal?.throwIfAborted();
  };
  try {
    await collecting(store, async () => {
      tidy(store);
      if (options.compact) await compact(store, suspectFiles(store), pace);
    });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
};

/**
 * Does `work` unless another driver is collecting. @returns what it did, or undefined. @throws
 * DISK_FAILED, what `work` throws
 */
export const collecting = async <Result>(store: Store, work: () => Promise<Result>): Promise<Result | undefined> => {
  const lock = FileLock.tryAcquire(join(store.locksDir, "collect"));
  if (lock === undefined) return undefined;
  try {
    return await work();
  } catch (error) {
    throw asDiskError(store.dataDir, error);
  } finally {
    lock.release();
  }
};

/** What takes no looking into data files. */
export const tidy = (store: Store): void => {
  store.writer.buryTheDead();
  removeStrays(store);
  removeEmpty(store);
};

/**
 * Measures data files, and copies what is alive of all that are mostly dead. One with damaged
 * blocks stays as it is, until they are mended or dead: its bytes may be of use to somebody who
 * looks at them.
 * @throws what `pace` throws, DISK_FAILED
 */
export const compact = async (store: Store, fileIds: readonly number[], pace: Pacer): Promise<void> => {
  for (let from = 0; from < fileIds.length; from += measuredAtOnce) {
    await measureFiles(store, fileIds.slice(from, from + measuredAtOnce), pace);
  }
  const mostlyDead = measuredFiles(store.database, deadFractionMax);
  for (const some of together(mostlyDead, store.dataFileBytes)) {
    if (!(await rewriteWhileRoom(store, some, pace))) return;
  }
};

/** Without room for the copy the dead bytes stay until there is. @returns whether there was */
export const rewriteWhileRoom = async (store: Store, fileIds: readonly number[], pace: Pacer): Promise<boolean> => {
  try {
    await rewriteFiles(store, fileIds, pace);
    return true;
  } catch (error) {
    if (!VisibleError.is(error, "STORE_FULL")) throw error;
    return false;
  }
};

/** Files whose live blocks have room in one. */
const together = (files: readonly FileSpace[], fullBytes: number): number[][] => {
  const all: number[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const { id, liveBytes } of files) {
    bytes += liveBytes;
    if (bytes <= fullBytes) all.at(-1)?.push(id);
    else {
      all.push([id]);
      bytes = liveBytes;
    }
  }
  return all;
};

/** Files in which something has become dead since they were looked at. */
const suspectFiles = ({ database }: Store): number[] =>
  database
    .all<{ id: number }>("SELECT id FROM files WHERE suspect = 1 AND writer IS NULL ORDER BY id")
    .map((row) => row.id);

/**
 * Removes data files that have no row: their row goes first, then they. The folder is listed before
 * the rows, and rows are made before their files, so a file that is being made isn't taken for one.
 */
const removeStrays = (store: Store): void => {
  const present = readdirSync(store.dataDir).map(dataFileIdOf);
  const known = new Set(store.database.all<{ id: number }>("SELECT id FROM files").map((row) => row.id));
  for (const fileId of present) {
    if (fileId !== undefined && !known.has(fileId)) removeDataFile(store, fileId);
  }
};

/** Forgets and removes the files that no version refers to. */
const removeEmpty = (store: Store): void => {
  const { database } = store;
  const empty = database.transaction(() =>
    database.all<{ id: number }>(
      `DELETE FROM files WHERE suspect = 1 AND writer IS NULL
         AND NOT EXISTS (SELECT 1 FROM versionFiles WHERE fileId = files.id) RETURNING id`,
    ),
  );
  for (const { id } of empty) removeDataFile(store, id);
};
