import { mkdir } from "node:fs/promises";
import type { Case } from "../cases/cases.ts";
import { Images } from "../cases/images.ts";
import type { VolumeSpec } from "../data/variants.ts";
import { backUp } from "./backup.ts";
import { geometryOf } from "./geometry.ts";
import { importOver, importVolume } from "./imports.ts";
import type { GatewayPair } from "./sites.ts";
import { groupOf, owner } from "./tasks.ts";

const MiB = 1024 * 1024;
const bytesMax = 1024 * MiB;
const extentsMax = 16;

/**
 * Between the numbers of the measured volume's base and its measured run: a run's number names its
 * group, and says what is newer.
 */
export const warmUpSequences = { full: 101, changed: 102, baseGone: 103 } as const;

/** Has gateways that were just started do what they are about to be measured at. */
export type WarmUp = (gateways: GatewayPair, run: Pick<Case, "workload" | "compress" | "baseGone">) => Promise<void>;

/**
 * A volume of at most half the measured one's size. Its seed is its own and always the same: each
 * size has data to change.
 */
export const warmUpSpec = (measuredBytes: number): VolumeSpec => {
  const sizeBytes = 2 ** Math.floor(Math.log2(Math.min(bytesMax, measuredBytes / 2)));
  const extentBytes = Math.max(MiB, sizeBytes / extentsMax);
  return { seed: "warm-up", sizeBytes, extentBytes, allocatedShare: 0.525 };
};

/**
 * A gateway runs for months, and a nightly backup finds code that V8 has compiled; in one that has
 * just started the first second goes into compiling. So both gateways carry a small volume of their
 * own beforehand, in the way of the case: in full, what changed of it, and what changed after the
 * source has deleted its snapshot.
 * @param dir where its images are made when they are first needed
 */
export const createWarmUp = (dir: string, measuredBytes: number): WarmUp => {
  const spec = warmUpSpec(measuredBytes);
  const images = new Images(dir, { disk: spec, thin: spec });
  return async (gateways, { workload, compress, baseGone }) => {
    await mkdir(dir, { recursive: true });
    const { source } = gateways;
    const file = images.base("plain");
    const geometry = geometryOf(workload.volume, spec.extentBytes);
    const object = await importVolume(source, { name: "warm-up", file, geometry });
    const common = { ...gateways, object, compress };

    const { full, changed } = warmUpSequences;
    const { snapshotId } = await backUp({ ...common, sequence: full, base: null });
    await importOver(source, object, await images.of({ volume: "plain", variant: "5 %" }));
    await backUp({ ...common, sequence: changed, base: { sequence: full, snapshotId } });

    if (!baseGone) return;
    await importOver(source, object, file);
    await source.call("deleteGroup", { groupId: groupOf(changed), owner });
    const base = { sequence: changed, snapshotId: null };
    await backUp({ ...common, sequence: warmUpSequences.baseGone, base });
  };
};
