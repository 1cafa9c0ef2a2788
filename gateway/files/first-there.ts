import { access } from "node:fs/promises";
import { dirname } from "node:path";

/** The path, or the nearest above it that is there. */
export const firstThere = async (path: string): Promise<string> => {
  for (let at = path; ; at = dirname(at)) {
    const isThere = await access(at).then(
      () => true,
      () => false,
    );
    if (isThere || dirname(at) === at) return at;
  }
};
