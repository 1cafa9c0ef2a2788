import { closeSync, constants, openSync } from "node:fs";
import { chmod, lstat, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf } from "./error-code.ts";

/**
 * The modes of what holds customers' data or secrets. A process of ours begins with `keepPrivate`,
 * so that whatever it or a library or a child of it makes has them.
 */
export const privateFolder = 0o700;
export const privateFile = 0o600;
const others = 0o077;

/** What this process makes from now on is this user's alone. */
export const keepPrivate = (): void => void process.umask(others);

/**
 * Makes an empty file that is this user's alone where there is none, for a library to open that
 * would make it as the umask says.
 */
export const makePrivateFile = (path: string): void => {
  try {
    closeSync(openSync(path, "wx", privateFile));
  } catch {
    // It is there, or the library says why it can't be made.
  }
};

/** A folder that everybody may write to, such as /tmp. */
const isShared = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFDIR && (mode & 0o1000) !== 0;

/**
 * Takes from others what they may do with a path and with all that is below it. What is another
 * user's stays as it is, with all that is in it: there he can put a link in the place of anything
 * at any time. No link is followed, but for the path's own. Folders come before what
 * is in them, so that nobody can put a link there meanwhile. Files are not opened: closing one
 * would let go of the locks that this process has on it.
 * @param options.below false: the path alone
 * @returns how many were open to others; 0 where there is nothing
 */
export const tighten = async (path: string, { below = true } = {}): Promise<number> => {
  const real = await realpath(path).catch(() => undefined);
  return real === undefined ? 0 : tightenTree(real, below);
};

const tightenTree = async (path: string, below: boolean): Promise<number> => {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.isSymbolicLink()) return 0;
  const isOurs = found.uid === process.geteuid?.();
  let count = 0;
  if (isOurs && (found.mode & others) !== 0 && !isShared(found.mode)) {
    // A file system without modes takes none.
    count = await chmod(path, found.mode & 0o7700).then(
      () => 1,
      () => 0,
    );
  }
  if (!below || !found.isDirectory() || !isOurs) return count;
  for (const name of await readdir(path).catch(() => [])) count += await tightenTree(join(path, name), below);
  return count;
};

/** Whose a file is, and who may do what with it. */
export interface Permissions {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The permissions that a new file takes over from the one in whose place it comes; undefined where
 * there is none, and where another user may have put it there to read what will be in it.
 */
export const permissionsOf = async (path: string): Promise<Permissions | undefined> => {
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined || !found.isFile()) return undefined;
  const { uid, gid } = found;
  if (uid !== process.geteuid?.() && ((await stat(dirname(path))).mode & 0o022) !== 0) return undefined;
  return { mode: found.mode & 0o777, uid, gid };
};

/** A file, open or by its name, whose permissions can be set. */
export interface Settable {
  stat(): Promise<{ readonly uid: number; readonly gid: number }>;
  chown(uid: number, gid: number): Promise<void>;
  chmod(mode: number): Promise<void>;
}

/** Where its owner can't be kept, its mode would let others in than before: then it is private. */
export const setPermissions = async (file: Settable, kept: Permissions | undefined): Promise<void> => {
  const now = await file.stat();
  const isSame = kept !== undefined && now.uid === kept.uid && now.gid === kept.gid;
  const isKept =
    isSame ||
    (kept !== undefined &&
      (await file.chown(kept.uid, kept.gid).then(
        () => true,
        () => false,
      )));
  await file.chmod(isKept && kept !== undefined ? kept.mode : privateFile);
};
