import { lstat } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";

/**
 * A folder that nobody has named, and that is found where the command runs, may be a trap that
 * another user has laid: what lies in it says which file is sent as a token, and where to.
 * @throws VisibleError FORBIDDEN when it is neither this user's nor root's
 */
export const refuseForeign = async (dir: string, owner: (dir: string) => Promise<number> = ownerOf): Promise<void> => {
  const uid = await owner(dir).catch(() => 0);
  if (uid === 0 || uid === process.getuid?.()) return;
  throw new VisibleError("FORBIDDEN", `The local environment in ${dir} is another user's.`, {
    hint: `If you trust who made it, name it: --dir ${dir}`,
  });
};

const ownerOf = async (dir: string): Promise<number> => (await lstat(dir)).uid;
