import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { asDiskError } from "./disk-errors.ts";

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

const writing = new Map<string, Promise<void>>();

/**
 * Replaces a file's content, durably and all at once. One after the other in this process: a write
 * that hung, and that nobody waits for any more, must not go on in the middle of a later one.
 * @throws STORE_FULL, DISK_FAILED; then the file is what it was
 */
export const writeFileSafely = (path: string, content: string, mode = 0o644): Promise<void> => {
  const written = (writing.get(path) ?? Promise.resolve()).then(() => replaceFile(path, content, mode));
  const settled = written
    .catch(() => undefined)
    .then(() => {
      if (writing.get(path) === settled) writing.delete(path);
    });
  writing.set(path, settled);
  return written;
};

const replaceFile = async (path: string, content: string, mode: number): Promise<void> => {
  try {
    const temporary = `${path}.tmp`;
    const file = await open(temporary, "w", mode);
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw asDiskError(path, error);
  }
};

/** What a file holds; undefined when there is none. */
export const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
};
