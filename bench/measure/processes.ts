import { readdirSync, readFileSync } from "node:fs";
import { descendantsOf, type ProcessTimes, parsePeakBytes, parseStat, parseTransmittedBytes } from "./proc.ts";

const sampleMs = 50;

/** Undefined for a process that is gone. */
const readProc = (pid: number | "self", name: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
};

export const timesOf = (pid: number | "self"): ProcessTimes => {
  const stat = readProc(pid, "stat");
  if (stat === undefined) throw new Error(`the process ${pid} is gone`);
  return parseStat(stat);
};

/** Bytes that went through the loopback interface, headers of TCP/IP and acknowledgements too, both ways. */
export const loopbackBytes = (): number => parseTransmittedBytes(readFileSync("/proc/net/dev", "utf8"), "lo");

export const ownPeakBytes = (): number => parsePeakBytes(readProc("self", "status") ?? "");

const parentsOfAll = (): ReadonlyMap<number, number> =>
  new Map(
    readdirSync("/proc").flatMap((name) => {
      const pid = Number(name);
      const stat = Number.isInteger(pid) ? readProc(pid, "stat") : undefined;
      return stat === undefined ? [] : [[pid, parseStat(stat).parentPid] as const];
    }),
  );

/** The ids of a process's living descendants, without itself. */
export const livingDescendants = (pid: number): readonly number[] => descendantsOf(pid, parentsOfAll()).slice(1);

/** Looks every 50 ms how much memory any of the processes and their descendants has had. */
export const watchPeak = (pids: () => readonly number[]): { stop(): number } => {
  let peak = 0;
  const sample = () => {
    const parents = parentsOfAll();
    const all = pids().flatMap((pid) => descendantsOf(pid, parents));
    peak = Math.max(peak, ...all.map((pid) => parsePeakBytes(readProc(pid, "status") ?? "")));
  };
  const timer = setInterval(sample, sampleMs);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
};
