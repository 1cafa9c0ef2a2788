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

/**
 * Bytes that went through the loopback interface, headers of TCP/IP and
 * acknowledgements too, both ways.
 */
export const loopbackBytes = (): number => parseTransmittedBytes(readFileSync("/proc/net/dev", "utf8"), "lo");

/** What a process has written so far, to sockets too. */
export const writtenBytesOf = (pid: number): number =>
  Number(/^wchar: (\d+)$/m.exec(readProc(pid, "io") ?? "")?.[1] ?? Number.NaN);

export const ownPeakBytes = (): number => parsePeakBytes(readProc("self", "status") ?? "");

/**
 * Adds the parents of processes that are not known yet: most are, and reading them all over would
 * disturb what is measured.
 */
const addParents = (known: Map<number, number>): ReadonlyMap<number, number> => {
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || known.has(pid)) continue;
    const stat = readProc(pid, "stat");
    if (stat !== undefined) known.set(pid, parseStat(stat).parentPid);
  }
  return known;
};

/** The ids of a process's living descendants, without itself. */
export const livingDescendants = (pid: number): readonly number[] => descendantsOf(pid, addParents(new Map())).slice(1);

/** Looks every 50 ms how much memory any of the processes and their descendants has had. */
export const watchPeak = (pids: () => readonly number[]): { stop(): number } => {
  let peak = 0;
  const known = new Map<number, number>();
  const sample = () => {
    const parents = addParents(known);
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
