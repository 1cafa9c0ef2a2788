import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const outputBytesMax = 16 * 1024 * 1024;

/** Runs a tool of the system to its end. @throws with what it printed when it fails */
export const runTool = async (
  name: string,
  parameters: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Promise<string> => (await run(name, parameters, { ...options, maxBuffer: outputBytesMax })).stdout;

/**
 * So that what was written before does not disturb what is measured next, and all of it
 * is in the page cache.
 */
export const settle = async (paths: readonly string[]): Promise<void> => {
  for (const path of paths) await runTool("sh", ["-c", 'find "$0" -type f -exec cat {} + > /dev/null', path]);
  await runTool("sync", []);
};

/** Bytes of all files in a folder, as `ls` says. */
export const folderBytes = async (dir: string): Promise<number> => {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

/** A copy that keeps holes. */
export const copySparse = async (from: string, to: string): Promise<void> => {
  await runTool("cp", ["--sparse=auto", "--reflink=auto", from, to]);
};
