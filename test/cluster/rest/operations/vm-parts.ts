import type { FakeCluster } from "../entities/entity.ts";
import type { FakeDiskOptions, FakeNicOptions, FakeVm } from "../entities/vms.ts";
import { bytesOf, chosen, type FakeModel, need } from "../model.ts";
import { change, type FakeOperations } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import type { FakeChange } from "../tasks.ts";
import { addVmVolume } from "./vm-volumes.ts";

/* Disks and NICs of VMs. */

interface PlacedDisk {
  readonly bus: string;
  readonly boot: number;
  readonly index?: number;
  readonly key?: number;
}

export interface FakeDisksParams {
  readonly mount_disks?: readonly (PlacedDisk & { readonly vm_volume_id: string })[];
  readonly mount_new_create_disks?: readonly (PlacedDisk & {
    readonly vm_volume: { readonly name: string; readonly size: number; readonly size_unit?: string };
  })[];
  readonly mount_cd_roms?: readonly (Omit<PlacedDisk, "bus"> & { readonly elf_image_id?: string })[];
}

/** Makes the volumes that are to be made. */
export const disksOf = (
  model: FakeModel,
  cluster: FakeCluster,
  params: FakeDisksParams,
  isNewVm: boolean,
): readonly FakeDiskOptions[] => {
  const { mount_disks = [], mount_new_create_disks = [], mount_cd_roms = [] } = params;
  const mounted = mount_disks.map((disk) => ({ ...disk, volume: need(model.vmVolumes, disk.vm_volume_id) }));
  for (const { volume } of mounted) {
    if (volume.mounting && !volume.sharing) throw new FakeRefusal(400, `${volume.name} is mounted already`);
  }
  const made = mount_new_create_disks.map(({ vm_volume: { name, size, size_unit }, ...disk }) => ({
    ...disk,
    volume: addVmVolume(model, cluster, { name, sizeBytes: bytesOf(size, size_unit) }),
    isVmsOwn: isNewVm,
  }));
  const drives = mount_cd_roms.map(({ elf_image_id: image = "", ...drive }) => ({ ...drive, bus: "IDE", image }));
  return [...mounted, ...made, ...drives].map((disk, position) => ({
    ...{ isVmsOwn: false, ...disk },
    key: disk.key ?? disk.index ?? position,
  }));
};

export interface FakeNicParams extends Omit<FakeNicOptions, "vlan"> {
  readonly connect_vlan_id?: string;
}

export const nicsOf = (model: FakeModel, nics: readonly FakeNicParams[]): readonly FakeNicOptions[] =>
  nics.map(({ connect_vlan_id: id, ...nic }) => ({
    ...nic,
    vlan: id === undefined ? null : need(model.vlans, id),
  }));

/** A change of VMs that are there. */
export const vmChange = (vm: FakeVm, what: string, run: () => void): FakeChange => ({
  ...{ data: vm, cluster: vm.cluster, type: "Vm", mutation: "update", description: `${what} ${vm.name}`, run },
});

/** The changes of the VMs that a filter finds, each by its data. */
export const vmChanges = <Data>(one: (model: FakeModel, vm: FakeVm, data: Data) => FakeChange) =>
  change<{ readonly where: FakeWhere; readonly data: Data }>((model, { where, data }) =>
    chosen(model.vms, where).map((vm) => one(model, vm, data)),
  );

export const vmPartOperations: FakeOperations = {
  "/add-vm-disk": vmChanges<{ readonly vm_disks: FakeDisksParams }>((model, vm, { vm_disks: disks }) =>
    vmChange(vm, "Add disks to VM", () => {
      const from = vm.vm_disks.length;
      const added = disksOf(model, vm.cluster, disks, false).map((disk, i) => ({ ...disk, key: from + i }));
      vm.setDisks([...vm.vm_disks.map(kept), ...added]);
    }),
  ),
  "/remove-vm-disk": vmChanges<{ readonly disk_ids: readonly string[] }>((_, vm, { disk_ids: ids }) =>
    vmChange(vm, "Remove disks of VM", () => {
      vm.setDisks(vm.vm_disks.filter(({ id }) => !ids.includes(id)).map(kept));
    }),
  ),
  "/update-vm-disk": vmChanges<{ vm_disk_id: string; vm_volume_id?: string | null; bus?: string }>(
    (model, vm, { vm_disk_id: id, vm_volume_id: volumeId, bus }) =>
      vmChange(vm, "Update a disk of VM", () => {
        const changed = vm.vm_disks.map((disk) => {
          if (disk.id !== id) return kept(disk);
          const volume = volumeId ? need(model.vmVolumes, volumeId) : (disk.vm_volume ?? undefined);
          return { ...kept(disk), volume, bus: bus ?? disk.bus };
        });
        vm.setDisks(changed);
      }),
  ),
  "/add-vm-nic": vmChanges<{ readonly vm_nics: readonly FakeNicParams[] }>((model, vm, { vm_nics: nics }) =>
    vmChange(vm, "Add NICs to VM", () => vm.setNics([...vm.vm_nics, ...nicsOf(model, nics)])),
  ),
  "/remove-vm-nic": vmChanges<{ readonly nic_index: readonly number[] }>((_, vm, { nic_index: places }) =>
    vmChange(vm, "Remove NICs of VM", () => vm.setNics(vm.vm_nics.filter(({ order }) => !places.includes(order)))),
  ),
  "/update-vm-nic": vmChanges<FakeNicParams & { readonly nic_index: number }>((model, vm, { nic_index: at, ...data }) =>
    vmChange(vm, "Update a NIC of VM", () => {
      const [wanted] = nicsOf(model, [data]);
      const { connect_vlan_id: vlan } = data;
      vm.setNics(
        vm.vm_nics.map((nic) => {
          return nic.order === at ? { ...nic, ...wanted, vlan: vlan === undefined ? nic.vlan : wanted?.vlan } : nic;
        }),
      );
    }),
  ),
};

/** A disk as it is. */
export const kept = ({
  bus,
  boot,
  key,
  vm_volume,
  elf_image,
  isVmsOwn,
}: FakeVm["vm_disks"][number]): FakeDiskOptions => ({
  ...{ bus, boot, key, isVmsOwn, volume: vm_volume ?? undefined, image: elf_image?.name },
});
