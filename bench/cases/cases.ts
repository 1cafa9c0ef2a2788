import type { VariantName } from "../data/variants.ts";

/** What a tool has to do: bring a copy from the old state of a volume to the new one. */
export interface Workload {
  readonly volume: "plain" | "striped" | "thin";
  /** Null: there is no copy yet. */
  readonly old: "base" | null;
  readonly variant: VariantName | "base";
}

export interface Case {
  readonly name: string;
  readonly workload: Workload;
  readonly compress: boolean;
  /** The source's snapshot of the old state was deleted; only the target still has it. */
  readonly baseGone: boolean;
  /** An Envoy beside each gateway carries it, instead of the gateways themselves. */
  readonly envoy: boolean;
}

const make = (name: string, workload: Partial<Workload>, options: Partial<Omit<Case, "workload">> = {}): Case => ({
  name,
  workload: { volume: "plain", old: "base", variant: "base", ...workload },
  compress: true,
  baseGone: false,
  envoy: false,
  ...options,
});

/** In the order in which they are measured: neighbours share an image. */
export const cases: readonly Case[] = [
  make("full", { old: null }),
  make("full Envoy", { old: null }, { envoy: true }),
  make("full-raw", { old: null }, { compress: false }),
  make("unchanged", {}),
  make("1 %", { variant: "1 %" }),
  make("5 %", { variant: "5 %" }),
  make("5 % base gone", { variant: "5 %" }, { baseGone: true }),
  make("striped 5 %", { volume: "striped", variant: "5 %" }),
  make("pages", { variant: "pages" }),
  make("shifted", { variant: "shifted" }),
  make("thin unchanged", { volume: "thin" }),
  make("thin full", { volume: "thin", old: null }),
];

/**
 * What the rivals do for a case: they know of no stripes, no snapshots and no thin
 * volumes, so cases share their workload. Undefined for the thin volume, whose holes they
 * would read from end to end.
 */
export const rivalCase = ({ workload }: Case): Case | undefined =>
  workload.volume === "thin"
    ? undefined
    : cases.find(
        (other) =>
          other.workload.volume === "plain" &&
          other.workload.old === workload.old &&
          other.workload.variant === workload.variant,
      );

/** @throws RangeError naming what there is */
export const chooseCases = (names: string | undefined): readonly Case[] => {
  if (names === undefined) return cases;
  const wanted = names.split(",").map((name) => name.trim());
  const unknown = wanted.filter((name) => !cases.some((known) => known.name === name));
  if (unknown.length > 0) {
    const known = cases.map(({ name }) => name).join(", ");
    throw new RangeError(`there is no case “${unknown.join("”, “")}”; there are: ${known}`);
  }
  return cases.filter(({ name }) => wanted.includes(name));
};
