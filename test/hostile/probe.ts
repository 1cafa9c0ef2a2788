import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";

/**
 * Loaded into a gateway before anything else (`--import`): every second it writes what the gateway
 * has taken, to `PROBE_DIR/PID.json`. SIGUSR2 makes the turns count anew.
 */
export interface Probed {
  /**
   * The longest turn of the event loop: CPU time of the main thread between two looks, which are
   * 10 ms apart where nothing holds the loop, but for these.
   */
  readonly turnMaxMs: number;
  /** The longest turns, by when they ended. */
  readonly longest: Readonly<Record<string, number>>;
  readonly memoryMaxBytes: number;
}

const longestMax = 8;

const everyMs = 10;
const dir = process.env["PROBE_DIR"];

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

if (dir !== undefined && isMainThread) {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${process.pid}.json`);
  let turnMaxMs = 0;
  let beforeMs = cpuMs();
  let turns: readonly (readonly [string, number])[] = [];
  const note = (turnMs: number): void => {
    const all = [...turns, [new Date().toISOString(), Math.round(turnMs)] as const];
    turns = all.toSorted(([, one], [, other]) => other - one).slice(0, longestMax);
  };
  process.on("SIGUSR2", () => {
    turnMaxMs = 0;
    turns = [];
  });
  setInterval(() => {
    const nowMs = cpuMs();
    const turnMs = nowMs - beforeMs - everyMs;
    if (turnMs > turnMaxMs) turnMaxMs = turnMs;
    if (turnMs > everyMs) note(turnMs);
    beforeMs = nowMs;
  }, everyMs).unref();
  setInterval(() => {
    const probed: Probed = {
      turnMaxMs,
      longest: Object.fromEntries(turns),
      memoryMaxBytes: process.resourceUsage().maxRSS * 1024,
    };
    writeFileSync(`${file}.new`, JSON.stringify(probed));
    renameSync(`${file}.new`, file);
  }, 1000).unref();
}
