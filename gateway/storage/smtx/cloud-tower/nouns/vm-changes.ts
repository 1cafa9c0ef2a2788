import { VisibleError } from "../../../../../core/api/errors.ts";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { changed, whereId } from "./noun.ts";
import { type MountedDisk, type NewNic, type NewVm, newDiskOf, newNicOf } from "./vm-parts.ts";
import { findVm, type TowerVm } from "./vms.ts";

/* What is changed of a VM that is there. */

/** What is not said stays. */
export const updateVm = (
  tower: CloudTower,
  id: string,
  change: Partial<Pick<NewVm, "name" | "description" | "vcpu" | "cpu" | "memoryBytes" | "ha">>,
  call?: StorageCall,
): Promise<void> => {
  const { cpu, memoryBytes, ...rest } = change;
  const data = {
    ...rest,
    ...(cpu !== undefined && { cpu_cores: cpu.cores, cpu_sockets: cpu.sockets }),
    ...(memoryBytes !== undefined && { memory: memoryBytes, memory_unit: "B" }),
  };
  return changed(tower, "update-vm-basic-info", { ...whereId(id), data }, call);
};

/** Idempotent. */
export const startVm = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  powered(tower, { id, operation: "start-vm", status: "RUNNING" }, call);

/** At once, as by pulling the plug. Idempotent. */
export const powerOffVm = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  powered(tower, { id, operation: "poweroff-vm", status: "STOPPED" }, call);

/** Asks the guest to. Idempotent. */
export const shutDownVm = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  powered(tower, { id, operation: "shutdown-vm", status: "STOPPED" }, call);

/** The cluster takes it for a failure that a VM is already what it is to become. */
const powered = async (
  tower: CloudTower,
  { id, operation, status }: { readonly id: string; readonly operation: string; readonly status: TowerVm["status"] },
  call?: StorageCall,
): Promise<void> => {
  await changed(tower, operation, whereId(id), call).catch(async (error: unknown) => {
    const isSo = VisibleError.is(error, "CLUSTER_TASK_FAILED") && (await findVm(tower, id, call))?.status === status;
    if (!isSo) throw error;
  });
};

interface OfVm {
  readonly vmId: string;
}

export const addVmDisks = (
  tower: CloudTower,
  { vmId, disks }: OfVm & { readonly disks: readonly MountedDisk[] },
  call?: StorageCall,
): Promise<void> => {
  const data = { vm_disks: { mount_disks: disks.map(newDiskOf) } };
  return changed(tower, "add-vm-disk", { ...whereId(vmId), data }, call);
};

/** The volumes stay. */
export const removeVmDisks = (
  tower: CloudTower,
  { vmId, diskIds }: OfVm & { readonly diskIds: readonly string[] },
  call?: StorageCall,
): Promise<void> => changed(tower, "remove-vm-disk", { ...whereId(vmId), data: { disk_ids: diskIds } }, call);

/** The disk has another volume, or bus, from then on; the volume that it had stays. */
export const updateVmDisk = (
  tower: CloudTower,
  { vmId, diskId, volumeId, bus }: OfVm & Partial<MountedDisk> & { readonly diskId: string },
  call?: StorageCall,
): Promise<void> => {
  const disk = { vm_disk_id: diskId, ...(volumeId !== undefined && { vm_volume_id: volumeId }) };
  const data = { ...disk, ...(bus !== undefined && { bus }) };
  return changed(tower, "update-vm-disk", { ...whereId(vmId), data }, call);
};

export const addVmNics = (
  tower: CloudTower,
  { vmId, nics }: OfVm & { readonly nics: readonly NewNic[] },
  call?: StorageCall,
): Promise<void> => changed(tower, "add-vm-nic", { ...whereId(vmId), data: { vm_nics: nics.map(newNicOf) } }, call);

/** @param of.order of each that goes; those behind it move up */
export const removeVmNics = (
  tower: CloudTower,
  { vmId, orders }: OfVm & { readonly orders: readonly number[] },
  call?: StorageCall,
): Promise<void> => changed(tower, "remove-vm-nic", { ...whereId(vmId), data: { nic_index: orders } }, call);

/** What is not said stays. */
export const updateVmNic = (
  tower: CloudTower,
  { vmId, order, nic }: OfVm & { readonly order: number; readonly nic: Partial<NewNic> },
  call?: StorageCall,
): Promise<void> => {
  const data = { nic_index: order, ...newNicOf(nic) };
  return changed(tower, "update-vm-nic", { ...whereId(vmId), data }, call);
};

/** The VM, which is off, becomes what its snapshot has. */
export const rollbackVm = (
  tower: CloudTower,
  { vmId, snapshotId }: OfVm & { readonly snapshotId: string },
  call?: StorageCall,
): Promise<void> => changed(tower, "rollback-vm", { ...whereId(vmId), data: { snapshot_id: snapshotId } }, call);
