import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { parseSize } from "../cases/options.ts";
import { settle } from "../cases/tools.ts";
import { writeBase } from "../data/variants.ts";
import { readCases } from "./cases.ts";

/*
 * How fast a restore point is read that is attached, beside qemu-nbd with the same disk as a raw
 * file: what BENCHMARKS.md says. usage: npm run bench:attach [-- --size 1GiB --runs 5 --seconds 5]
 */

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "1GiB" },
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "5" },
  },
});
const sizeBytes = parseSize(values.size);
const runs = Number(values.runs);
/** Of each random read. */
const seconds = Number(values.seconds);

/** Both in the page cache, one after the other, and each case anew for both in every run. */
const main = async (folder: string, children: ChildProcess[]): Promise<void> => {
  const image = join(folder, "disk.raw");
  const spec = { seed: "1", extentBytes: 256 * 1024 ** 2, sizeBytes, allocatedShare: 0.525 };
  writeBase(image, spec);
  const ours = fork(join(import.meta.dirname, "server-process.ts"), [image, folder]);
  children.push(ours);
  await once(ours, "message");
  const theirSocket = join(folder, "qemu-nbd");
  children.push(
    spawn("qemu-nbd", ["-r", "-f", "raw", "-x", "disk", "-t", "-e", "16", "-k", theirSocket, image], {
      stdio: "inherit",
    }),
  );
  while (!(await isThere(theirSocket))) await setTimeout(50);
  await settle([image, join(folder, "store")]);
  const uriOf = (socket: string) => `nbd+unix:///disk?socket=${socket}`;
  const servers = { ours: uriOf(join(folder, "sockets", "ours")), theirs: uriOf(theirSocket) };
  // Holes are not read.
  const { blocks } = await stat(image);
  process.stdout.write("| case | ours, MB/s | qemu-nbd, MB/s | ratio |\n| --- | ---: | ---: | ---: |\n");
  for (const { name, what, read } of readCases) {
    const rates: Record<keyof typeof servers, number[]> = { ours: [], theirs: [] };
    for (let run = 0; run < runs; run++) {
      for (const who of ["ours", "theirs"] as const) {
        const done = await read(servers[who], { dataBytes: blocks * 512, randomSeconds: seconds });
        rates[who].push(done.bytes / done.seconds / 1e6);
      }
    }
    const [one, other] = [median(rates.ours), median(rates.theirs)];
    const columns = [`${name}: ${what}`, one.toFixed(0), other.toFixed(0), (one / other).toFixed(2)];
    process.stdout.write(`| ${columns.join(" | ")} |\n`);
  }
};

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const folder = await mkdtemp(join(tmpdir(), "smtx-bench-attach-"));
const children: ChildProcess[] = [];
try {
  await main(folder, children);
} finally {
  for (const child of children) child.kill();
  await rm(folder, { recursive: true });
}
