import { link, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Workload } from "../cases/cases.ts";
import type { Images } from "../cases/images.ts";
import { folderBytes, runTool, settle } from "../cases/tools.ts";
import { touchMemory } from "../measure/touch-memory.ts";
import { type Command, measureCommand, type Rival } from "./rival.ts";

const imageName = "disk.img";

/**
 * A tool that keeps backups in a repository on this machine. Its folder holds the repository and
 * whatever caches it has.
 */
export interface RepositoryTool {
  readonly name: string;
  init(stateDir: string): Command;
  /** Backs up the file of that name in the command's working folder. */
  backUp(stateDir: string, imageName: string): Command;
  /** Inside the state's folder. */
  readonly repository: string;
}

/**
 * Measures it. The image always has the same path, and the repository too: it is put back from
 * copies that were made of it when it was empty, and when it had the old image.
 */
export const createRepositoryRival = (
  tool: RepositoryTool,
  { dir, images }: { readonly dir: string; readonly images: Images },
): Rival => {
  const [state, empty, withBase, files] = ["state", "empty", "with-base", "files"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
    string,
  ];
  const run = ({ file, parameters, env }: Command) =>
    runTool(file, parameters, { cwd: files, env: { ...process.env, ...env } });
  const show = async (image: string) => {
    await rm(join(files, imageName), { force: true });
    await link(image, join(files, imageName));
  };
  const copyState = async (from: string, to: string) => {
    await rm(to, { recursive: true, force: true });
    await runTool("cp", ["-a", "--reflink=auto", from, to]);
  };
  let prepared: Promise<void> | undefined;
  const prepare = async () => {
    for (const folder of [state, files]) await mkdir(folder, { recursive: true });
    await run(tool.init(state));
    await copyState(state, empty);
  };
  let base: Promise<void> | undefined;
  const prepareBase = async () => {
    await copyState(empty, state);
    await show(images.base("plain"));
    await run(tool.backUp(state, imageName));
    await rename(state, withBase);
  };
  const reset = async ({ old }: Workload) => {
    prepared ??= prepare();
    await prepared;
    if (old !== null) {
      base ??= prepareBase();
      await base;
    }
    await copyState(old === null ? empty : withBase, state);
  };
  return {
    name: tool.name,
    measure: async (workload) => {
      await reset(workload);
      const image = await images.of(workload);
      await show(image);
      await settle([image, state]);
      const repository = join(state, tool.repository);
      const bytesBefore = await folderBytes(repository);
      await touchMemory(dir, images.bytesToWrite(workload));
      const measured = await measureCommand({ ...tool.backUp(state, imageName), cwd: files });
      return { ...measured, wireBytes: (await folderBytes(repository)) - bytesBefore };
    },
    close: async () => undefined,
  };
};
