import { rmSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { styleFor } from "../cli/render/style.ts";
import { Images } from "./cases/images.ts";
import { type BenchOptions, parseOptions, type RivalName, usage } from "./cases/options.ts";
import { settle } from "./cases/tools.ts";
import { clusterCase, measureCluster } from "./cluster/cluster-times.ts";
import { totalBytes } from "./data/regions.ts";
import { baseRegions } from "./data/variants.ts";
import { measureIscsi } from "./iscsi/iscsi-rates.ts";
import { describeMachine } from "./machine.ts";
import { measureMachine } from "./measure/machine-rates.ts";
import { measureAll } from "./measure-all.ts";
import { Ours } from "./ours/ours.ts";
import { createWarmUp } from "./ours/warm-up.ts";
import { reportMarkdown, reportText } from "./render.ts";
import type { BenchmarkReport } from "./results.ts";
import { createRivals, requireRivals } from "./rivals/rivals.ts";
import { judge } from "./targets.ts";

/*
 * The benchmark: what BENCHMARKS.md says. Progress goes to standard error, the
 * tables to standard output.
 */

const allocatedShare = { disk: 0.525, thin: 1 / 1024 };
const interruptedExitCode = 130;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const main = async (): Promise<number> => {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  const rivals = await requireRivals(options.without);
  const dir = await workFolder(options.dir);
  const remove = () => rmSync(dir, { recursive: true, force: true });
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      if (!options.keep) remove();
      process.exit(interruptedExitCode);
    });
  }
  try {
    const report = await measure(options, rivals, dir);
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

const measure = async (options: BenchOptions, names: readonly RivalName[], dir: string): Promise<BenchmarkReport> => {
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
  const machineRates = await measureMachine(base, sizeBytes);
  say("measuring iSCSI");
  const iscsi = await measureIscsi(base, { dir, sizeBytes, say });
  const isAsked = options.cases.some(({ name }) => name === clusterCase);
  if (isAsked) say("measuring a cluster");
  const cluster = isAsked ? await measureCluster({ dir, sizeBytes, extentBytes, seed, say }) : undefined;
  const rivals = createRivals(names, dir, images);
  try {
    const warmUp = cold ? undefined : createWarmUp(join(dir, "warm-up"), sizeBytes);
    const ours = new Ours({ dir: join(dir, "ours"), images, warmUp });
    const results = await measureAll({ cases: options.cases, runs, ours, rivals, say });
    const allocatedBytes = totalBytes(baseRegions(disk));
    const parameters = { seed, runs, sizeBytes, extentBytes, thinBytes, cold, allocatedBytes };
    return { startedAt, machine, parameters, machineRates, iscsi, cluster, results };
  } finally {
    for (const rival of rivals) await rival.close();
  }
};

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof RangeError || (error instanceof TypeError && "code" in error);
  say(error instanceof Error ? (isUsage ? error.message : (error.stack ?? error.message)) : String(error));
  process.exitCode = isUsage ? 2 : 1;
}
