import type { StorageCall } from "../../call.ts";
import {
  deleteConsistencyGroup,
  deleteGroupSnapshot,
  ensureConsistencyGroup,
  ensureGroupSnapshot,
} from "../cloud-tower/nouns/consistency-groups.ts";
import type { TowerLun } from "../cloud-tower/nouns/luns.ts";
import type { TowerVmVolume } from "../cloud-tower/nouns/vm-volumes.ts";
import type { ProbeGround } from "./ground.ts";
import { no, type SeenAnswer, seenBy, tried, unknown, yes } from "./seen.ts";

/** Whether a virtual volume's LUN may be in a consistency group with a plain one. */
export const groupsTakeVolumes = (
  ground: ProbeGround,
  { lun, volume }: { readonly lun: TowerLun; readonly volume: TowerVmVolume },
  call: StorageCall,
): Promise<SeenAnswer> =>
  seenBy(async () => {
    const { tower, clusterId } = ground.parts;
    if (volume.lun === undefined) return unknown("CloudTower does not say in which LUN the volume lies.");
    const lunIds = [lun.id, volume.lun.id];
    const wanted = { clusterId, name: ground.nameOf("group"), lunIds };
    const made = await tried(() => ensureConsistencyGroup(tower, wanted, call), call);
    if ("refused" in made) return no(made.refused);
    const { id: groupId } = made.done;
    const taken = await tried(
      () => ensureGroupSnapshot(tower, { groupId, name: ground.nameOf("group-snapshot") }, call),
      call,
    );
    if ("refused" in taken) return no(taken.refused);
    const count = taken.done.lunSnapshots.length;
    await deleteGroupSnapshot(tower, taken.done.id, { withLunSnapshots: true }, call);
    await deleteConsistencyGroup(tower, groupId, call);
    if (count < lunIds.length) return no(`The group's snapshot has ${count} of ${lunIds.length} LUNs.`);
    return yes("A group of both was snapshotted. That both were of one instant nobody can see without a VM.");
  }, call);
