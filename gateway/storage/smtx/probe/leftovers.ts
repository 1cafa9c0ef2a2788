import type { StorageCall } from "../../call.ts";
import type { CloudTower } from "../cloud-tower/client.ts";
import {
  deleteConsistencyGroup,
  deleteGroupSnapshot,
  listConsistencyGroups,
  listGroupSnapshots,
} from "../cloud-tower/nouns/consistency-groups.ts";
import { deleteLunSnapshots, listNamedLunSnapshots } from "../cloud-tower/nouns/lun-snapshots.ts";
import { deleteLuns, listLuns } from "../cloud-tower/nouns/luns.ts";
import { deleteTarget, listTargets } from "../cloud-tower/nouns/targets.ts";
import { deleteVmVolumeSnapshots, listVmVolumeSnapshots } from "../cloud-tower/nouns/vm-volume-snapshots.ts";
import { deleteVmVolume, listVmVolumes } from "../cloud-tower/nouns/vm-volumes.ts";
import { probePrefix } from "../names.ts";

interface Of {
  readonly tower: CloudTower;
  readonly clusterId: string;
}

interface Named {
  readonly name: string;
}

const ofProbes = <T extends Named>(all: readonly T[]): readonly T[] =>
  all.filter(({ name }) => name.startsWith(probePrefix));

/**
 * Removes what probes have made, also those that died. Nobody may be probing the cluster meanwhile.
 * A LUN is removed only where it lies in a target of a probe's.
 * @returns the names of what is there still
 */
export const removeProbed = async (of: Of, call: StorageCall): Promise<readonly string[]> => {
  const { tower, clusterId } = of;
  for (const { id } of ofProbes(await listConsistencyGroups(tower, clusterId, call))) {
    for (const snapshot of await listGroupSnapshots(tower, id, call)) {
      await deleteGroupSnapshot(tower, snapshot.id, { withLunSnapshots: true }, call);
    }
    await deleteConsistencyGroup(tower, id, call);
  }
  const volumeSnapshots = ofProbes(await listVmVolumeSnapshots(tower, clusterId, call));
  await deleteVmVolumeSnapshots(tower, idsOf(volumeSnapshots), call);
  for (const { id } of ofProbes(await listVmVolumes(tower, clusterId, call))) {
    await deleteVmVolume(tower, id, { withSnapshots: true }, call);
  }
  await deleteLuns(tower, idsOf(await probesLuns(of, call)), { withSnapshots: true }, call);
  const snapshots = await listNamedLunSnapshots(tower, { clusterId, prefix: probePrefix }, call);
  await deleteLunSnapshots(tower, idsOf(snapshots), call);
  for (const { id } of ofProbes(await listTargets(tower, clusterId, call))) await deleteTarget(tower, id, call);
  return listProbed(of, call);
};

/** The names of all that probes have made and is there. */
const listProbed = async (of: Of, call: StorageCall): Promise<readonly string[]> => {
  const { tower, clusterId } = of;
  const all: readonly (readonly Named[])[] = [
    await listConsistencyGroups(tower, clusterId, call),
    await listVmVolumeSnapshots(tower, clusterId, call),
    await listVmVolumes(tower, clusterId, call),
    await probesLuns(of, call),
    await listNamedLunSnapshots(tower, { clusterId, prefix: probePrefix }, call),
    await listTargets(tower, clusterId, call),
  ];
  return ofProbes(all.flat()).map(({ name }) => name);
};

const probesLuns = async ({ tower, clusterId }: Of, call: StorageCall) =>
  (await listLuns(tower, clusterId, call)).filter(({ target }) => target.name.startsWith(probePrefix));

const idsOf = (all: readonly { readonly id: string }[]): readonly string[] => all.map(({ id }) => id);
