import { lstat } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";
import { makeFolder } from "./folder.ts";
import { privateFolder } from "./private.ts";

/**
 * Makes a folder of mode 0700 where there is none, and sees that one that is there is this user's
 * alone. @throws VisibleError BAD_REQUEST when it isn't, or can't be made; STORE_FULL, DISK_FAILED
 */
export const makePrivateFolder = async (folder: string): Promise<void> => {
  await makeFolder(folder);
  const { mode, uid } = await lstat(folder);
  if (uid === process.geteuid?.() && (mode & 0o777) === privateFolder) return;
  throw new VisibleError("BAD_REQUEST", `The folder ${folder} is not this user's alone, as it has to be.`, {
    hint: `Name another one, or: chmod 700 ${folder}`,
  });
};
