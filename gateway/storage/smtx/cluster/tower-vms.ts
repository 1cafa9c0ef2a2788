import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { deleteLuns, findLun, updateLun } from "../cloud-tower/nouns/luns.ts";
import { findTargets } from "../cloud-tower/nouns/targets.ts";
import { powerOffVm, startVm, updateVm } from "../cloud-tower/nouns/vm-changes.ts";
import { deleteVmVolume, ensureVmVolume, updateVmVolume } from "../cloud-tower/nouns/vm-volumes.ts";
import { deleteVm, ensureVm, findVm } from "../cloud-tower/nouns/vms.ts";
import { isOurs } from "../names.ts";
import type { Hands, VmRef, VmWish, VolumeRef } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { connected } from "./vm-nics.ts";

/* Virtual volumes and VMs, by CloudTower, and what restores have made. */

type Of = Pick<TowerHandsOptions, "tower" | "clusterId" | "replicas">;

export const makeVolume = async (
  { tower, clusterId, replicas }: Of,
  { name, sizeBytes, sharing }: Parameters<Hands["makeVolume"]>[0],
  call?: StorageCall,
): Promise<VolumeRef> => {
  const policy = `REPLICA_${replicas}_THIN_PROVISION`;
  const volume = await ensureVmVolume(tower, { clusterId, name, sizeBytes, policy, isShared: sharing }, call);
  const lun = volume.lun && (await findLun(tower, volume.lun.id, call));
  const target = lun && (await findTargets(tower, [lun.target.id], call)).get(lun.target.id);
  if (lun === undefined || target === undefined) throw noLun(name);
  return {
    ...{ lun: lun.id, zbsVolumeId: lun.zbsVolumeId, target: target.name, iqn: target.iqn },
    ...{ lunId: lun.lunId, sizeBytes: lun.sizeBytes, vmVolume: volume.id },
  };
};

export const makeVm = async (of: Of, wish: VmWish, call?: StorageCall): Promise<VmRef> => {
  const { tower, clusterId } = of;
  const { name, config, disks, nics } = wish;
  const vm = await ensureVm(
    tower,
    {
      ...{ clusterId, name, vcpu: config.vcpu, cpu: config.cpu, memoryBytes: config.memory },
      ...{ firmware: config.firmware, ha: config.ha },
      ...(config.description !== undefined && { description: config.description }),
      disks: disks.map(({ volume, ...disk }) => ({ volumeId: volume, ...disk })),
      nics: await connected(of, nics, call),
    },
    call,
  );
  if (config.status === "RUNNING") await startVm(tower, vm.id, call);
  return { vm: vm.id, localId: vm.localId };
};

/** Idempotent. */
export const setPower = ({ tower }: Of, vm: string, power: "on" | "off", call?: StorageCall): Promise<void> =>
  power === "on" ? startVm(tower, vm, call) : powerOffVm(tower, vm, call);

export const rename = (
  { tower }: Of,
  { kind, id, name }: Parameters<Hands["rename"]>[0],
  call?: StorageCall,
): Promise<void> => {
  switch (kind) {
    case "lun":
      return updateLun(tower, id, { name }, call);
    case "vm-volume":
      return updateVmVolume(tower, id, { name }, call);
    case "vm":
      return updateVm(tower, id, { name }, call);
  }
};

export const removeRebuilt = async (
  { tower }: Of,
  { kind, id }: Parameters<Hands["removeRebuilt"]>[0],
  call?: StorageCall,
): Promise<void> => {
  switch (kind) {
    case "lun":
      return deleteLuns(tower, [id], { withSnapshots: false }, call);
    case "vm-volume":
      return deleteVmVolume(tower, id, { withSnapshots: false }, call);
    case "vm":
      return removeVm(tower, id, call);
  }
};

/** One that somebody has renamed is theirs, and stays. */
export const removeShell = async ({ tower }: Of, id: string, call?: StorageCall): Promise<void> => {
  const vm = await findVm(tower, id, call);
  if (vm !== undefined && isOurs(vm.name)) await removeVm(tower, id, call);
};

/** What has a name of ours and is running goes as well. */
const removeVm = async (tower: Of["tower"], id: string, call: StorageCall | undefined): Promise<void> => {
  const vm = await findVm(tower, id, call);
  if (vm === undefined) return;
  if (isOurs(vm.name) && vm.status !== "STOPPED") await powerOffVm(tower, id, call);
  await deleteVm(tower, id, { withSnapshots: false }, call);
};

const noLun = (name: string): VisibleError =>
  new VisibleError("CLUSTER_TASK_FAILED", `The cluster does not say in which LUN the volume “${name}” lies.`, {
    hint: "It will be tried again. If it goes on, see CloudTower's task list.",
  });
