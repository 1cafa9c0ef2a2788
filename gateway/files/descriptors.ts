import { readFile } from "node:fs/promises";
import { VisibleError } from "../../core/api/errors.ts";

/** A gateway that does nothing has some fifty; data files and connections come on top. */
const descriptorsMin = 256;

/**
 * Refuses to begin where this process may open so few files that it fails in the
 * middle of something.
 * @param limits what Linux says of this process in /proc/self/limits; empty elsewhere
 * @throws VisibleError TOO_FEW_DESCRIPTORS
 */
export const refuseTooFewDescriptors = async (limits = limitsOfThis()): Promise<void> => {
  const found = /^Max open files +(\d+)/m.exec(await limits)?.[1];
  if (found === undefined || Number(found) >= descriptorsMin) return;
  throw new VisibleError(
    "TOO_FEW_DESCRIPTORS",
    `This process may open ${found} files at once, and needs ${descriptorsMin}.`,
    { hint: "Allow more before it is started, for instance with: ulimit -n 4096" },
  );
};

const limitsOfThis = (): Promise<string> => readFile("/proc/self/limits", "utf8").catch(() => "");
