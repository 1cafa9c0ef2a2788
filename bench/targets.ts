import { cases, rivalCase } from "./cases/cases.ts";
import type { Measurement } from "./measure/measurement.ts";
import { type BenchmarkReport, type Find, finder, ourName } from "./results.ts";

export interface TargetVerdict {
  readonly case: string;
  readonly what: string;
  /** In words, with its unit. */
  readonly limit: string;
  readonly measured: number;
  /** Undefined where something was not measured that it takes to judge. */
  readonly passed: boolean | undefined;
}

interface Target {
  readonly case: string;
  readonly what: string;
  readonly limit: string;
  /** `measured` NaN where a rival's figure is missing. */
  judge(ours: Measurement, find: Find, allocatedBytes: number): { measured: number; passed: boolean };
}

type Figure = "wallSeconds" | "cpuSeconds" | "wireBytes";
const words: Record<Figure, string> = { wallSeconds: "wall", cpuSeconds: "CPU", wireBytes: "wire" };

/** The case whose rivals are the measure of this one. */
const rivalNameOf = (name: string): string => {
  const found = cases.find((known) => known.name === name);
  return (found && rivalCase(found)?.name) ?? name;
};

const ratio = (name: string, figure: Figure, max: number, rivals: readonly string[] = ["rsync -z"]): Target => ({
  case: name,
  what: words[figure],
  limit: `≤ ${max.toFixed(2)} of ${rivals.length === 1 ? rivals[0] : `the best of ${rivals.join(" and ")}`}`,
  judge: (ours, find) => {
    const theirs = rivals
      .map((rival) => find(rivalNameOf(name), rival)?.[figure])
      .filter((value) => value !== undefined);
    const measured = theirs.length === 0 ? Number.NaN : ours[figure] / Math.min(...theirs);
    return { measured, passed: measured <= max };
  },
});

const absolute = (name: string, figure: Figure, limit: string, max: number): Target => ({
  case: name,
  what: words[figure],
  limit,
  judge: (ours) => ({ measured: ours[figure], passed: ours[figure] <= max }),
});

const rawWire: Target = {
  case: "full-raw",
  what: "wire",
  limit: "≤ 1.01 of what is not zero",
  judge: ({ wireBytes }, _, allocatedBytes) => {
    const measured = wireBytes / allocatedBytes;
    return { measured, passed: measured <= 1.01 };
  },
};

const shiftedWire: Target = {
  case: "shifted",
  what: "wire",
  limit: "< 3 MB, or below restic's",
  judge: ({ wireBytes }, find) => {
    const theirs = find("shifted", "restic")?.wireBytes ?? 0;
    return { measured: wireBytes, passed: wireBytes < Math.max(3e6, theirs) };
  },
};

const throughEnvoy: Target = {
  case: "full Envoy",
  what: "wall",
  limit: "≤ 1.25 of full without",
  judge: ({ wallSeconds }, find) => {
    const measured = wallSeconds / (find("full", ourName)?.wallSeconds ?? Number.NaN);
    return { measured, passed: measured <= 1.25 };
  },
};

const peakBytesMax = 400 * 1024 * 1024;
const memory = (name: string): Target => ({
  case: name,
  what: "memory",
  limit: "< 400 MiB each gateway",
  judge: ({ peakBytes }) => {
    const measured = Math.max(...peakBytes);
    return { measured, passed: measured < peakBytesMax };
  },
});

const targets: readonly Target[] = [
  ratio("full", "wallSeconds", 0.55),
  ratio("full", "wireBytes", 1),
  throughEnvoy,
  ratio("full-raw", "wallSeconds", 0.5, ["rsync"]),
  rawWire,
  ratio("unchanged", "wallSeconds", 0.03),
  absolute("unchanged", "wireBytes", "≤ 100 kB", 100e3),
  absolute("thin unchanged", "wallSeconds", "≤ 0.2 s", 0.2),
  ratio("1 %", "wallSeconds", 0.1),
  ratio("1 %", "wireBytes", 0.8),
  ratio("5 %", "wallSeconds", 0.1),
  ratio("5 %", "wireBytes", 0.8),
  ratio("5 %", "wallSeconds", 0.35, ["restic", "borg"]),
  ratio("5 %", "cpuSeconds", 0.2),
  ratio("5 % base gone", "wallSeconds", 0.15),
  ratio("5 % base gone", "wireBytes", 0.85),
  ratio("pages", "wallSeconds", 0.12),
  ratio("pages", "wireBytes", 0.3),
  ratio("shifted", "wallSeconds", 0.2),
  shiftedWire,
  ...cases.map(({ name }) => memory(name)),
];

/** Every target of the cases that were measured. */
export const judge = ({
  results,
  parameters,
  iscsi,
  cluster,
}: Pick<BenchmarkReport, "results" | "parameters" | "iscsi" | "cluster">): readonly TargetVerdict[] => {
  const find = finder(results);
  const verdicts = targets.flatMap((target) => {
    const ours = find(target.case, ourName);
    if (ours === undefined) return [];
    const { measured, passed } = target.judge(ours, find, parameters.allocatedBytes);
    const { what, limit } = target;
    return [{ case: target.case, what, limit, measured, passed: Number.isNaN(measured) ? undefined : passed }];
  });
  return [...verdicts, iscsiVerdict(iscsi), clusterVerdict(cluster)];
};

const iscsiVerdict = (iscsi: BenchmarkReport["iscsi"]): TargetVerdict => {
  const read = iscsi?.find(({ what }) => what === "read");
  const measured = read === undefined ? Number.NaN : read.ours / read.qemu;
  const passed = Number.isNaN(measured) ? undefined : measured >= 0.6;
  return { case: "iSCSI", what: "read", limit: "≥ 0.60 of qemu-img bench", measured, passed };
};

const clusterVerdict = (cluster: BenchmarkReport["cluster"]): TargetVerdict => {
  const measured = cluster === undefined ? Number.NaN : cluster.clusterSeconds / cluster.extentstoreSeconds;
  const passed = cluster === undefined ? undefined : measured <= 3;
  return { case: "cluster 5 %", what: "wall", limit: "≤ 3.00 of the extentstore's", measured, passed };
};
