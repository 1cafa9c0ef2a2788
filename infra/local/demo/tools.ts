import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Tools of the administrator are in folders that a user's PATH often lacks. */
const folders = () => [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
const outputBytesMax = 1024 * 1024;

/** Where a tool is, or undefined. */
export const findTool = async (name: string): Promise<string | undefined> => {
  for (const folder of folders()) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
};

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Runs a tool to its end, ten minutes at most. Rejects with what it printed when it fails. */
export const runTool = async (path: string, parameters: readonly string[]): Promise<string> => {
  const { stdout, stderr } = await run(path, parameters, { maxBuffer: outputBytesMax, timeout: 600_000 });
  return stdout + stderr;
};
