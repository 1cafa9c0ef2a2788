import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { LunRef, VmRef, VolumeRef } from "../cluster/hands.ts";
import type { ClusterContext } from "../context.ts";
import { fill } from "./fill.ts";
import type { RebuildToMake, VolumeToMake } from "./made.ts";

export interface RebuiltOnCluster {
  readonly luns: readonly LunRef[];
  readonly volumes: readonly VolumeRef[];
  /** The LUNs that are to be files. */
  readonly files: readonly LunRef[];
  readonly vms: readonly VmRef[];
}

/** Makes the LUNs, volumes and VMs of a rebuild, of snapshots that share their data. */
export const rebuildOnCluster = async (
  context: ClusterContext,
  { luns, volumes, files, vms }: RebuildToMake,
  call: StorageCall,
): Promise<RebuiltOnCluster> => {
  const { hands } = context;
  const madeLuns: LunRef[] = [];
  for (const { wish, snapshot } of luns) {
    const made = await hands.makeLun(wish, call);
    const { sizeBytes } = wish;
    await fill(context, { lun: made, kind: "lun", snapshot: snapshot ?? gone(), sizeBytes }, call);
    madeLuns.push(made);
  }
  const madeVolumes = await makeVolumes(context, volumes, call);
  const towerIds = new Map(volumes.map(({ volumeId }, n) => [volumeId, madeVolumes[n]?.vmVolume]));
  const madeFiles: LunRef[] = [];
  for (const { snapshot, name } of files) {
    madeFiles.push(await hands.cloneSnapshot({ snapshot: snapshot ?? gone(), name }, call));
  }
  const madeVms: VmRef[] = [];
  for (const { vmId: _, disks, ...vm } of vms) {
    const there = disks.map(({ volumeId, volume, ...disk }) => ({
      ...disk,
      volume: volume ?? towerIds.get(volumeId) ?? gone(),
    }));
    madeVms.push(await hands.makeVm({ ...vm, disks: there }, call));
  }
  return { luns: madeLuns, volumes: madeVolumes, files: madeFiles, vms: madeVms };
};

/** Each with its snapshot's content. What is there already under the name is taken, and filled. */
export const makeVolumes = async (
  context: ClusterContext,
  volumes: readonly VolumeToMake[],
  call: StorageCall,
): Promise<readonly VolumeRef[]> => {
  const refs: VolumeRef[] = [];
  for (const { volumeId: _, snapshot, ...wish } of volumes) {
    const made = await context.hands.makeVolume(wish, call);
    const { sizeBytes } = wish;
    await fill(context, { lun: made, kind: "volume", snapshot: snapshot ?? gone(), sizeBytes }, call);
    refs.push(made);
  }
  return refs;
};

const gone = (): never => {
  throw new VisibleError("SNAPSHOT_UNKNOWN", "The cluster has the snapshot no more that this was to be made of.", {
    hint: "Choose another group. List them with: smtx-backup group list",
  });
};
