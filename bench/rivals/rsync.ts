import { rm } from "node:fs/promises";
import { join } from "node:path";
import { steadyTime } from "../../gateway/time/time.ts";
import { until } from "../../gateway/time/until.ts";
import type { Workload } from "../cases/cases.ts";
import type { Images } from "../cases/images.ts";
import { copySparse, runTool, settle } from "../cases/tools.ts";
import type { Measurement } from "../measure/measurement.ts";
import { livingDescendants, loopbackBytes, timesOf } from "../measure/processes.ts";
import { touchMemory } from "../measure/touch-memory.ts";
import { measureCommand, type Rival } from "./rival.ts";
import { type RsyncDaemon, startRsyncDaemon } from "./rsync-daemon.ts";

const always = ["--inplace", "--no-whole-file", "-I"];
const compressed = ["-z", "--zc=zstd", "--zl=1"];
const copyName = "disk.img";
const idlePatience = { everyMs: 10, withinMs: 60_000, time: steadyTime, signal: new AbortController().signal };

/**
 * rsync to a daemon on loopback, which has a copy of the old image. Started when
 * it is first measured.
 */
export const createRsync = (options: {
  readonly dir: string;
  readonly images: Images;
  readonly zstd: boolean;
}): Rival => {
  const { dir, images, zstd } = options;
  const name = zstd ? "rsync -z" : "rsync";
  let daemon: RsyncDaemon | undefined;
  return {
    name,
    measure: async (workload) => {
      daemon ??= await startRsyncDaemon(dir);
      return measure(daemon, workload, { dir, images, parameters: [...always, ...(zstd ? compressed : [])] });
    },
    close: async () => daemon?.stop(),
  };
};

const measure = async (
  daemon: RsyncDaemon,
  workload: Workload,
  options: { readonly dir: string; readonly images: Images; readonly parameters: readonly string[] },
): Promise<Measurement> => {
  const { dir, images, parameters } = options;
  const copy = join(daemon.moduleDir, copyName);
  await rm(copy, { force: true });
  if (workload.old !== null) await copySparse(images.base(workload.volume), copy);
  const image = await images.of(workload);
  await idle(daemon);
  await settle([image, daemon.moduleDir]);
  await touchMemory(dir, images.bytesToWrite(workload));

  const cpuBefore = timesOf(daemon.pid).childrenCpuSeconds;
  const bytesBefore = loopbackBytes();
  const command = { file: "rsync", parameters: [...parameters, image, `${daemon.url}${copyName}`] };
  const client = await measureCommand(command, [daemon.pid]);
  const wireBytes = loopbackBytes() - bytesBefore;
  await idle(daemon);
  const cpuSeconds = client.cpuSeconds + timesOf(daemon.pid).childrenCpuSeconds - cpuBefore;
  await runTool("cmp", [image, copy]);
  await rm(copy);
  return { ...client, cpuSeconds, wireBytes };
};

/**
 * The daemon's processes end a moment after the client, and count when the daemon
 * has waited for them.
 */
const idle = async ({ pid }: RsyncDaemon): Promise<void> => {
  if (await until(async () => livingDescendants(pid).length === 0, idlePatience)) return;
  throw new Error("the rsync daemon's processes do not end");
};
