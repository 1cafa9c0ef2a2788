import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDiskFolder } from "../../test/cluster/stand-in/disk-folder.ts";
import { chooseCases } from "../cases/cases.ts";
import { Images } from "../cases/images.ts";
import type { VolumeSpec } from "../data/variants.ts";
import { median } from "../measure/measurement.ts";
import { geometryOf } from "../ours/geometry.ts";
import { Ours } from "../ours/ours.ts";
import type { GatewayPair } from "../ours/sites.ts";
import { createWarmUp } from "../ours/warm-up.ts";
import { type ClusterBackup, ClusterBackups } from "./cluster-backups.ts";
import { ClusterPair } from "./cluster-pair.ts";
import { bytesOfDifferingExtents } from "./differing-extents.ts";

/** Medians of as many backups of either, in turns. */
export interface ClusterTimes extends ClusterBackup {
  /** Between two extentstores. */
  readonly extentstoreSeconds: number;
  /** Of all extents in which anything has changed. */
  readonly bytesOfChanged: number;
}

/** Which case it is, of those of all tools. */
export const clusterCase = "5 %";

const sizeBytesMax = 2 * 2 ** 30;
const pairs = 3;
/** In full, and once as it is measured. */
const warmUps = 2;

/**
 * The case “5 %” between two stand-ins for clusters and between two extentstores, in turns.
 *
 * @param options.dir where a new folder is made, and removed again
 * @returns undefined where something is missing that the stand-ins need, which is said
 * @throws Error when a restore point is not the image, or when more was read than changed extents
 */
export const measureCluster = async (options: {
  readonly dir: string;
  readonly sizeBytes: number;
  readonly extentBytes: number;
  readonly seed: string;
  readonly say: (text: string) => void;
}): Promise<ClusterTimes | undefined> => {
  const dir = join(options.dir, "cluster");
  const { seed, extentBytes, say } = options;
  const sizeBytes = Math.min(options.sizeBytes, sizeBytesMax);
  await mkdir(dir);
  const disks = await makeDiskFolder();
  try {
    const pair = await ClusterPair.open({ dir, sizeBytes, geometry: geometryOf("plain", extentBytes) });
    try {
      const spec = { seed, sizeBytes, extentBytes, allocatedShare: 0.525 };
      return await pair.withGateways((gateways) => inTurns({ pair, gateways, spec, dir, disks }));
    } finally {
      await pair.close();
    }
  } catch (error) {
    if (!(error instanceof Error && error.message.includes(" is missing"))) throw error;
    say(`A cluster is not measured: ${error.message}`);
    return undefined;
  } finally {
    await rm(dir, { recursive: true });
    await rm(disks, { recursive: true });
  }
};

const inTurns = async (of: {
  readonly pair: ClusterPair;
  readonly gateways: GatewayPair;
  readonly spec: VolumeSpec;
  readonly dir: string;
  /** Of the extentstores: on what the stand-ins' are. */
  readonly disks: string;
}): Promise<ClusterTimes> => {
  const { pair, gateways, spec, dir, disks } = of;
  const images = new Images(dir, { disk: spec, thin: spec });
  const [base, changed] = [images.base("plain"), await images.of({ volume: "plain", variant: clusterCase })];
  const bytesOfChanged = bytesOfDifferingExtents(base, changed, spec.extentBytes);
  const ours = new Ours({ dir: disks, images, warmUp: createWarmUp(join(dir, "warm-up"), spec.sizeBytes) });
  const backups = new ClusterBackups({ pair, gateways, hashOf: (image) => images.hashOf(image) });
  const extentstore: number[] = [];
  const cluster: ClusterBackup[] = [];
  for (let n = 0; n < warmUps + pairs; n++) {
    if (n >= warmUps)
      for (const run of chooseCases(clusterCase)) extentstore.push((await ours.measure(run)).wallSeconds);
    const backup = await backups.next(n % 2 === 0 ? base : changed);
    if (n < warmUps) continue;
    if (backup.bytesRead > bytesOfChanged) throw new Error(`${backup.bytesRead} bytes were read of ${bytesOfChanged}`);
    cluster.push(backup);
  }
  const middle = (figure: keyof ClusterBackup): number => median(cluster.map((backup) => backup[figure]));
  return {
    extentstoreSeconds: median(extentstore),
    clusterSeconds: middle("clusterSeconds"),
    copyingSeconds: middle("copyingSeconds"),
    bytesRead: middle("bytesRead"),
    bytesSent: middle("bytesSent"),
    bytesAtTarget: middle("bytesAtTarget"),
    bytesOfChanged,
  };
};
