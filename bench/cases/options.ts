import { parseArgs } from "node:util";
import { unitBytes } from "../data/regions.ts";
import { type Case, cases, chooseCases } from "./cases.ts";

export const rivalNames = ["rsync", "restic", "borg"] as const;
export type RivalName = (typeof rivalNames)[number];

export interface BenchOptions {
  readonly seed: string;
  /** Undefined: a new folder of the system's for temporary files. */
  readonly dir: string | undefined;
  readonly keep: boolean;
  readonly sizeBytes: number;
  readonly thinBytes: number;
  readonly extentBytes: number;
  readonly runs: number;
  readonly cases: readonly Case[];
  readonly without: readonly RivalName[];
  /** Our gateways are not warmed up. */
  readonly cold: boolean;
  readonly json: string;
  readonly markdown: boolean;
  readonly check: boolean;
}

export const usage = `usage: npm run bench [-- OPTIONS]

Measures backups with this product, rsync, restic and borg on the same data, on this machine, and compares every byte.

  --size SIZE       of the volume (4GiB)
  --thin-size SIZE  of the thin volume with little in it (64GiB)
  --extent SIZE     of an extent (256MiB); sizes are multiples of four of it
  --cases A,B       only these: ${cases.map(({ name }) => name).join(", ")}
  --runs N          measure everything N times and show the medians (1)
  --without A,B     leave out tools that are missing here: ${rivalNames.join(", ")}
  --cold            measure our gateways right after their start, instead of after they have carried another volume
  --seed SEED       the same seed makes the same data (1)
  --dir DIR         where to work; it must not be there yet, and needs five times the size
  --keep            leave the work folder, and say where it is
  --json FILE       all raw figures (bench-results.json)
  --markdown        print tables of Markdown
  --check           exit with 1 when a target is missed
  --help            this text
`;

const units: Readonly<Record<string, number>> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Bytes. @throws RangeError */
export const parseSize = (text: string): number => {
  const [, digits, unit = ""] = /^(\d+)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  const bytes = Number(digits) * (units[unit] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new RangeError(`“${text}” is no size such as 64MiB or 4GiB`);
  return bytes;
};

/**
 * @returns undefined when help is asked for @throws TypeError and RangeError saying what is wrong
 */
export const parseOptions = (args: readonly string[]): BenchOptions | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "4GiB" },
      "thin-size": { type: "string", default: "64GiB" },
      extent: { type: "string", default: "256MiB" },
      cases: { type: "string" },
      runs: { type: "string", default: "1" },
      without: { type: "string", default: "" },
      cold: { type: "boolean", default: false },
      seed: { type: "string", default: "1" },
      dir: { type: "string" },
      keep: { type: "boolean", default: false },
      json: { type: "string", default: "bench-results.json" },
      markdown: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const extentBytes = parseSize(values.extent);
  if (extentBytes % unitBytes !== 0 || extentBytes < 4 * 1024 ** 2) {
    throw new RangeError("--extent is a multiple of 64 KiB, and at least 4MiB");
  }
  const inExtents = (name: "size" | "thin-size") => {
    const bytes = parseSize(values[name]);
    if (bytes % (4 * extentBytes) !== 0) throw new RangeError(`--${name} is no multiple of four extents`);
    return bytes;
  };
  const { seed, dir, keep, json, markdown, check, cold } = values;
  return {
    ...{ seed, dir, keep, json, markdown, check, cold, extentBytes },
    sizeBytes: inExtents("size"),
    thinBytes: inExtents("thin-size"),
    runs: parseRuns(values.runs),
    cases: chooseCases(values.cases),
    without: parseWithout(values.without),
  };
};

const parseRuns = (text: string): number => {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new RangeError(`“${text}” is no number of runs`);
  return runs;
};

const parseWithout = (text: string): readonly RivalName[] =>
  text
    .split(",")
    .filter((name) => name !== "")
    .map((name) => {
      const known = rivalNames.find((rival) => rival === name.trim());
      if (known === undefined) throw new RangeError(`“${name}” is none of ${rivalNames.join(", ")}`);
      return known;
    });
