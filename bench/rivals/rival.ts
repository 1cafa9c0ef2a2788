import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Workload } from "../cases/cases.ts";
import type { Measurement } from "../measure/measurement.ts";
import { timesOf, watchPeak } from "../measure/processes.ts";

/** Another tool, on the same data. */
export interface Rival {
  readonly name: string;
  /** Brings its copy from the old state to the new; what goes before and after is not timed. */
  measure(workload: Workload): Promise<Measurement>;
  /** Ends what it has started. */
  close(): Promise<void>;
}

export interface Command {
  readonly file: string;
  readonly parameters: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

const outputCharactersMax = 4000;

/**
 * Runs a command and measures it: its processor time and that of all it waited for, and the
 * largest of its processes.
 * @param also ids of processes whose descendants belong to it, too
 * @throws Error with the end of what it printed, when it fails
 */
export const measureCommand = async (
  { file, parameters, env, cwd }: Command,
  also: readonly number[] = [],
): Promise<Omit<Measurement, "wireBytes">> => {
  const cpuBefore = timesOf("self").childrenCpuSeconds;
  const begun = performance.now();
  const child = spawn(file, parameters, { env: { ...process.env, ...env }, cwd, stdio: ["ignore", "pipe", "pipe"] });
  const watch = watchPeak(() => (child.pid === undefined ? also : [child.pid, ...also]));
  try {
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-outputCharactersMax);
      });
    }
    const [code, signal] = await once(child, "exit");
    const wallSeconds = (performance.now() - begun) / 1000;
    if (code !== 0) throw new Error(`${file} failed (${signal ?? code}): ${output}`);
    return { wallSeconds, cpuSeconds: timesOf("self").childrenCpuSeconds - cpuBefore, peakBytes: [watch.stop()] };
  } finally {
    watch.stop();
  }
};
