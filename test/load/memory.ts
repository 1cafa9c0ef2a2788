import { readdir, readFile } from "node:fs/promises";

const residentBytes = async (pid: string): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
};

/** What the DynamoDB emulator of this folder has in memory; 0 when there is none. */
const emulatorBytes = async (dir: string): Promise<number> => {
  let sum = 0;
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    try {
      const [program = "", ...parameters] = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
      if (!program.endsWith("dynoxide") || !parameters.some((one) => one.startsWith(dir))) continue;
      sum += await residentBytes(pid);
    } catch (error) {
      // It ended while we looked.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
  return sum;
};

/**
 * The most that this process and its DynamoDB emulator had in memory, looked at every
 * second until `stop`.
 */
export const watchMemory = (dir: string) => {
  const peak = { control: 0, emulator: 0 };
  const look = async () => {
    peak.control = Math.max(peak.control, process.memoryUsage().rss);
    peak.emulator = Math.max(peak.emulator, await emulatorBytes(dir));
  };
  const timer = setInterval(() => void look(), 1000);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return peak;
    },
  };
};
