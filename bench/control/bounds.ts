import { type Size, volumesOf } from "./backups.ts";
import type { Contention } from "./contention.ts";
import type { Kind, SizeFigures } from "./runs.ts";

/** What a run may take: so many units for each target, and so many more for each volume at each. */
const unitsPerTarget = 62;
const unitsPerVolume = 12;
/**
 * From so many volumes on, what one more takes is nearly the same at any size: so it may differ.
 */
const flatFromVolumes = 100;
const flatWithin = 0.2;
const reportsSecondsMax = 1.5;
const conflictsMax = 100;
const invocationSecondsMax = 3;

export interface Figures {
  readonly runs: readonly SizeFigures[];
  readonly reports: Contention & { readonly reports: number };
  readonly reclaims: readonly Contention[];
}

export interface BoundVerdict {
  readonly what: string;
  readonly measured: number;
  readonly bound: number;
  readonly passed: boolean;
}

type UnitsName = "writeUnits" | "readUnits";
const words: Record<UnitsName, string> = { writeUnits: "write units", readUnits: "read units" };
const kindWords: Record<Kind, string> = { first: "a first run", next: "a run that deletes an older one" };

/** `1000 × 4`, `1000 VMs of 4 × 16`: objects, their disks, and targets. */
export const sizeText = ({ objects, targets, disks }: Size): string =>
  `${objects}${disks === undefined ? "" : ` VMs of ${disks}`} × ${targets}`;

/** What a run of this size may take in all. */
export const unitsMax = (size: Size): number => size.targets * (unitsPerTarget + unitsPerVolume * volumesOf(size));

/**
 * What one more volume at one more target takes, by this size and the one before, of
 * objects of one volume.
 */
export const slopes = (runs: readonly SizeFigures[], kind: Kind, units: UnitsName): readonly number[] =>
  runs.map((size, index) => {
    const before = runs[index - 1];
    if (before === undefined || size.disks !== undefined || before.disks !== undefined) return Number.NaN;
    const more = size.objects * size.targets - before.objects * before.targets;
    return (size[kind][units] - before[kind][units]) / more;
  });

const verdict = (what: string, measured: number, bound: number): BoundVerdict => ({
  ...{ what, measured, bound },
  passed: measured <= bound,
});

const judgeRuns = (runs: readonly SizeFigures[], kind: Kind, units: UnitsName): readonly BoundVerdict[] => {
  const of = `${words[units]} of ${kindWords[kind]}`;
  const each = runs.map((size) => verdict(`${of}, ${sizeText(size)}`, size[kind][units], unitsMax(size)));
  const flat = slopes(runs, kind, units).filter(
    (slope, index) => !Number.isNaN(slope) && (runs[index - 1]?.objects ?? 0) >= flatFromVolumes,
  );
  if (flat.length < 2) return each;
  const [first = 0] = flat;
  const change = Math.max(...flat.map((slope) => Math.abs(slope / first - 1)));
  return [...each, verdict(`${of}: change of what one more takes`, change, flatWithin)];
};

/** What the figures are held to. */
export const judge = ({ runs, reports, reclaims }: Figures): readonly BoundVerdict[] => [
  ...(["first", "next"] as const).flatMap((kind) =>
    (["writeUnits", "readUnits"] as const).flatMap((units) => judgeRuns(runs, kind, units)),
  ),
  verdict(`seconds until ${reports.reports} reports at once are taken in`, reports.seconds, reportsSecondsMax),
  verdict("conflicts of these", reports.conflicts, conflictsMax),
  ...[reports, ...reclaims].map(({ what, longestInvocationSeconds }) =>
    verdict(`seconds of the longest call, ${what}`, longestInvocationSeconds, invocationSecondsMax),
  ),
];
