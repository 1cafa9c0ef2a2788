/* What the kernel's text files under /proc say (proc(5)); pure. */

const ticksPerSecond = 100;

export interface ProcessTimes {
  readonly parentPid: number;
  /** Its own user and system time. */
  readonly cpuSeconds: number;
  /** That of its descendants which have ended and were waited for. */
  readonly childrenCpuSeconds: number;
}

/** @param stat /proc/<pid>/stat; the name in it may hold anything, parentheses too */
export const parseStat = (stat: string): ProcessTimes => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  const times = {
    parentPid: field(4),
    cpuSeconds: (field(14) + field(15)) / ticksPerSecond,
    childrenCpuSeconds: (field(16) + field(17)) / ticksPerSecond,
  };
  if (Object.values(times).some(Number.isNaN)) throw new RangeError(`that is no /proc/<pid>/stat: ${stat}`);
  return times;
};

/**
 * The most memory the process has had, in bytes; 0 for one that has none, having ended.
 * @param status /proc/<pid>/status
 */
export const parsePeakBytes = (status: string): number => {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  return kib === undefined ? 0 : Number(kib) * 1024;
};

/** Bytes that an interface has transmitted since the start. @param dev /proc/net/dev */
export const parseTransmittedBytes = (dev: string, interfaceName: string): number => {
  const line = dev.split("\n").find((text) => text.trimStart().startsWith(`${interfaceName}:`));
  const fields = line
    ?.slice(line.indexOf(":") + 1)
    .trim()
    .split(/\s+/);
  const bytes = Number(fields?.[8]);
  if (Number.isNaN(bytes)) throw new RangeError(`/proc/net/dev has no ${interfaceName}`);
  return bytes;
};

/** The process and all that descend from it. @param parents of each process, by its id */
export const descendantsOf = (pid: number, parents: ReadonlyMap<number, number>): readonly number[] => [
  pid,
  ...[...parents].flatMap(([child, parent]) => (parent === pid ? descendantsOf(child, parents) : [])),
];
