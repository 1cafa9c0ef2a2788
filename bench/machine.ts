import { cpus, release, totalmem } from "node:os";
import type { RivalName } from "./cases/options.ts";
import { runTool } from "./cases/tools.ts";
import type { MachineDescription } from "./results.ts";

const versionArguments: Readonly<Record<RivalName, string>> = {
  rsync: "--version",
  restic: "version",
  borg: "--version",
};

/** The machine and the versions of what is measured on it. */
export const describeMachine = async (rivals: readonly RivalName[]): Promise<MachineDescription> => {
  const versions = await Promise.all(
    rivals.map(async (name) => [name, versionIn(await runTool(name, [versionArguments[name]]))] as const),
  );
  const processors = cpus();
  return {
    cores: processors.length,
    processor: processors[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    tools: Object.fromEntries(versions),
  };
};

const versionIn = (text: string): string => /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0] ?? "unknown";
