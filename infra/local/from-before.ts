import { join } from "node:path";
import { tighten } from "../../gateway/files/private.ts";
import { findLocalContext } from "./context.ts";

/**
 * What `local up` makes in its folder, in which something else may lie as well. Versions before
 * made some of it for everybody to read.
 */
const ours = [
  ...["in-use", "in-use-journal", "local.json", "token", "ticker.json", "control-plane.log"],
  ...["dynamodb", "scheduler", "pki", "sites", "envoy"],
];

/**
 * Closes to other users what lies in the folder from before. The folder itself as well, where it is
 * a local environment's.
 * @returns how many files and folders were open to them
 */
export const tightenFolder = async (dir: string): Promise<number> => {
  let count = (await findLocalContext(dir)) === undefined ? 0 : await tighten(dir, { below: false });
  for (const name of ours) count += await tighten(join(dir, name));
  return count;
};
