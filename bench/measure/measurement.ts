/** What one tool took for one case. */
export interface Measurement {
  readonly wallSeconds: number;
  /** User and system time of all processes at both ends. */
  readonly cpuSeconds: number;
  /** The most resident memory: of our source and our target, or of a rival's largest process. */
  readonly peakBytes: readonly number[];
  /** Through the loopback interface, or by how much a repository grew. */
  readonly wireBytes: number;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [upper = Number.NaN, lower = Number.NaN] = [sorted[middle], sorted[middle - 1]];
  return sorted.length % 2 === 1 ? upper : (lower + upper) / 2;
};

/** The median of each figure; of memory, the most. */
export const medianOf = (runs: readonly Measurement[]): Measurement => ({
  wallSeconds: median(runs.map(({ wallSeconds }) => wallSeconds)),
  cpuSeconds: median(runs.map(({ cpuSeconds }) => cpuSeconds)),
  peakBytes: (runs[0]?.peakBytes ?? []).map((_, at) => Math.max(...runs.map(({ peakBytes }) => peakBytes[at] ?? 0))),
  wireBytes: median(runs.map(({ wireBytes }) => wireBytes)),
});
