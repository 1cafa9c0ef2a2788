import { open as openFile, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { asDiskError } from "./disk-errors.ts";
import { permissionsOf, privateFile, setPermissions } from "./private.ts";

const syncFolder = async (path: string): Promise<void> => {
  const folder = await openFile(path, "r");
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
 * @param mode that of the file that is replaced unless given, and of a new one 0o600
 * @throws STORE_FULL, DISK_FAILED; then the file is what it was
 */
export const writeFileSafely = (
  path: string,
  content: string,
  mode?: number,
  /** Replaced in tests. */
  open: typeof openFile = openFile,
): Promise<void> => {
  const written = (writing.get(path) ?? Promise.resolve()).then(() => replaceFile(path, content, mode, open));
  const settled = written
    .catch(() => undefined)
    .then(() => {
      if (writing.get(path) === settled) writing.delete(path);
    });
  writing.set(path, settled);
  return written;
};

const replaceFile = async (
  path: string,
  content: string,
  mode: number | undefined,
  open: typeof openFile,
): Promise<void> => {
  try {
    const temporary = `${path}.tmp`;
    await rm(temporary, { force: true });
    const kept = await permissionsOf(path);
    const file = await open(temporary, "wx", privateFile);
    try {
      await setPermissions(file, kept);
      if (mode !== undefined) await file.chmod(mode);
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
