import { lstat, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileLock } from "../extentstore/data/locks.ts";

/** A folder for the files of some work. */
export interface Scratch {
  readonly folder: string;
  remove(): Promise<void>;
}

const lockName = "lock";
/** What `mkdtemp` appends. */
const suffix = /^[A-Za-z0-9]{6}$/;

/**
 * Makes a folder whose name begins with `prefix`, a path, and removes what processes that were
 * killed have left of such folders. Each holds a lock, which ends with the process that made it; a
 * folder without one is not touched.
 * @throws what `mkdtemp` throws
 */
export const makeScratch = async (prefix: string): Promise<Scratch> => {
  await removeAbandoned(prefix);
  const folder = await mkdtemp(prefix);
  const lock = await lockIn(folder);
  return {
    folder,
    remove: async () => {
      // Somebody who looks for abandoned ones may open the lock, and so make it
      // anew, in this moment.
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      lock?.release();
    },
  };
};

/**
 * It gets its name when it is held. @returns undefined where the file system knows no locks: then
 * nobody else removes the folder
 */
const lockIn = async (folder: string): Promise<FileLock | undefined> => {
  const fresh = join(folder, `${lockName}.new`);
  try {
    const lock = FileLock.tryAcquire(fresh);
    if (lock !== undefined) await rename(fresh, join(folder, lockName));
    return lock;
  } catch {
    return undefined;
  }
};

/** What can't be removed stays: it is in nobody's way. */
const removeAbandoned = async (prefix: string): Promise<void> => {
  const start = basename(prefix);
  const names = await readdir(dirname(prefix)).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(start) || !suffix.test(name.slice(start.length))) continue;
    await removeIfAbandoned(join(dirname(prefix), name)).catch(() => undefined);
  }
};

const removeIfAbandoned = async (folder: string): Promise<void> => {
  const path = join(folder, lockName);
  const [found, file] = [await lstat(folder), await lstat(path)];
  const user = process.getuid?.();
  if (!found.isDirectory() || !file.isFile() || found.uid !== user || file.uid !== user) return;
  const lock = FileLock.tryAcquire(path);
  if (lock === undefined) return;
  try {
    await rm(folder, { recursive: true, force: true });
  } finally {
    lock.release();
  }
};
