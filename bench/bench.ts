import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleFor } from "../cli/render/style.ts";
import { Images } from "./cases/images.ts";
import { type BenchOptions, type PeerName, parseOptions, usage } from "./cases/options.ts";
import { settle } from "./cases/tools.ts";
import { totalBytes } from "./data/regions.ts";
import { baseRegions } from "./data/variants.ts";
import { describeMachine } from "./machine.ts";
import { measureLimits } from "./measure/limits.ts";
import { measureAll } from "./measure-all.ts";
import { Ours } from "./ours/ours.ts";
import { createWarmUp } from "./ours/warm-up.ts";
import { createPeers, requirePeers } from "./peers/peers.ts";
import { reportMarkdown, reportText } from "./render.ts";
import type { Report } from "./results.ts";
import { judge } from "./targets.ts";

/* The benchmark: what BENCHMARKS.md says. Progress goes to standard error, the tables to standard output. */

const allocatedShare = { disk: 0.525, thin: 1 / 1024 };
const interruptedExitCode = 130;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const main = async (): Promise<number> => {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const peers = await requirePeers(options.without);
  const dir = await workFolder(options.dir);
  const remove = () => rmSync(dir, { recursive: true, force: true });
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      if (!options.keep) remove();
      process.exit(interruptedExitCode);
    });
  }
  try {
    const report = await measure(options, peers, dir);
    await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
    const style = styleFor({ isTerminal: process.stdout.isTTY, env: process.env });
    process.stdout.write(`${(options.markdown ? reportMarkdown : reportText)(report, style)}\n`);
    return options.check && judge(report).some(({ passed }) => passed === false) ? 1 : 0;
  } finally {
    if (options.keep) say(`Everything is left in ${dir}`);
    else await rm(dir, { recursive: true });
  }
};

const workFolder = async (wanted: string | undefined): Promise<string> => {
  if (wanted === undefined) return mkdtemp(join(tmpdir(), "smtx-backup-bench-"));
  await mkdir(wanted);
  return resolve(wanted);
};

const measure = async (options: BenchOptions, names: readonly PeerName[], dir: string): Promise<Report> => {
  const { seed, runs, sizeBytes, thinBytes, extentBytes, cold } = options;
  const spec = (volumeBytes: number, share: number) => ({
    ...{ seed, extentBytes },
    sizeBytes: volumeBytes,
    allocatedShare: share,
  });
  const disk = spec(sizeBytes, allocatedShare.disk);
  const images = new Images(dir, { disk, thin: spec(thinBytes, allocatedShare.thin) });
  const startedAt = new Date().toISOString();
  const machine = await describeMachine(names);
  say("making the image");
  const base = images.base("plain");
  await settle([base]);
  say("measuring the machine");
  const limits = await measureLimits(base, sizeBytes);
  const peers = createPeers(names, dir, images);
  try {
    const warmUp = cold ? undefined : createWarmUp(join(dir, "warm-up"), sizeBytes);
    const ours = new Ours({ dir: join(dir, "ours"), images, warmUp });
    const results = await measureAll({ cases: options.cases, runs, ours, peers, say });
    const allocatedBytes = totalBytes(baseRegions(disk));
    const parameters = { seed, runs, sizeBytes, extentBytes, thinBytes, cold, allocatedBytes };
    return { startedAt, machine, parameters, limits, results };
  } finally {
    for (const peer of peers) await peer.close();
  }
};

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof RangeError || (error instanceof TypeError && "code" in error);
  say(error instanceof Error ? (isUsage ? error.message : (error.stack ?? error.message)) : String(error));
  process.exitCode = isUsage ? 2 : 1;
}
