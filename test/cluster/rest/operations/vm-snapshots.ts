import { FakeVm, FakeVmSnapshot } from "../entities/vms.ts";
import { chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";
import { deleteSnapshot } from "./lun-snapshots.ts";
import { rollbackLun } from "./luns.ts";
import { type FakeNicParams, nicsOf, vmChange, vmChanges } from "./vm-parts.ts";
import { addVmVolume, snapshotLuns } from "./vm-volumes.ts";

const taken = (model: FakeModel, params: { readonly vm_id: string; readonly name: string }): FakeChange => {
  const vm = need(model.vms, params.vm_id);
  const snapshot = new FakeVmSnapshot(params.name, vm);
  snapshot.entityAsyncStatus = "CREATING";
  model.vmSnapshots.add(snapshot);
  return {
    ...{ data: snapshot, cluster: vm.cluster, type: "VmSnapshot", mutation: "create" },
    description: `Create snapshot ${params.name} of VM ${vm.name}`,
    run: () => freeze(model, vm, snapshot),
    undo: () => model.vmSnapshots.delete(snapshot),
  };
};

/** All disks of the VM at one instant. */
const freeze = (model: FakeModel, vm: FakeVm, snapshot: FakeVmSnapshot): void => {
  const volumes = vm.vm_disks.flatMap(({ vm_volume: volume }) => (volume === null ? [] : [volume]));
  const parts = snapshotLuns(model, volumes);
  snapshot.disks = vm.vm_disks.map(({ bus, boot, key, vm_volume: volume, elf_image: image, isVmsOwn }) => ({
    ...{ bus, boot, key, volume, isVmsOwn, image: image?.name },
    snapshot: volume === null ? undefined : parts[volumes.indexOf(volume)],
  }));
  vm.snapshots.push(snapshot);
  snapshot.entityAsyncStatus = null;
};

export const removeVmSnapshot = (model: FakeModel, snapshot: FakeVmSnapshot): void => {
  const others = snapshot.vm?.snapshots ?? [];
  if (others.includes(snapshot)) others.splice(others.indexOf(snapshot), 1);
  for (const { snapshot: part } of snapshot.disks) if (part !== undefined) deleteSnapshot(model, part);
  model.vmSnapshots.delete(snapshot);
};

const deleted = (model: FakeModel, snapshot: FakeVmSnapshot): FakeChange => ({
  ...{ data: snapshot, cluster: snapshot.cluster, type: "VmSnapshot", mutation: "delete" },
  description: `Delete snapshot ${snapshot.name}`,
  run: () => removeVmSnapshot(model, snapshot),
});

const rolledBack = (
  model: FakeModel,
  vm: FakeVm,
  { snapshot_id: id }: { readonly snapshot_id: string },
): FakeChange => {
  const snapshot = need(model.vmSnapshots, id);
  return vmChange(vm, "Rollback VM", async () => {
    if (vm.status !== "STOPPED") throw new FakeTaskFailure("VM_STATUS_INVALID", `${vm.name} is on`);
    if (snapshot.vm !== vm) throw new FakeTaskFailure("SNAPSHOT_OF_ANOTHER_VM", `it is none of ${vm.name}`);
    for (const { volume, snapshot: part } of snapshot.disks) {
      if (volume !== null) await rollbackLun(volume.lun, part?.volume, true);
    }
    vm.config = snapshot.config;
    vm.setDisks(snapshot.disks.map(({ volume, ...disk }) => ({ ...disk, volume: volume ?? undefined })));
    vm.setNics(snapshot.nics);
  });
};

interface VmRebuild {
  readonly rebuild_from_snapshot_id: string;
  readonly name: string;
  readonly vm_nics?: readonly FakeNicParams[];
}

const rebuilt = (model: FakeModel, params: VmRebuild): FakeChange => {
  const snapshot = need(model.vmSnapshots, params.rebuild_from_snapshot_id);
  const { cluster, config, disks } = snapshot;
  if (snapshot.entityAsyncStatus !== null) throw new FakeRefusal(400, "the snapshot is not there yet");
  const vm = new FakeVm(params.name, cluster, { config, status: "STOPPED" });
  vm.entityAsyncStatus = "CREATING";
  model.vms.add(vm);
  return {
    ...{ data: vm, cluster, type: "Vm", mutation: "create", description: `Rebuild VM ${params.name}` },
    run: () => {
      const made = disks.map(({ volume, snapshot: part, ...disk }) => {
        if (volume === null || part?.volume === undefined) return disk;
        const content = cluster.storage.zbs.clone(part.volume);
        const name = `${params.name}-${disk.key}`;
        return {
          ...disk,
          isVmsOwn: true,
          volume: addVmVolume(model, cluster, { name, sizeBytes: volume.size, content }),
        };
      });
      vm.setDisks(made);
      vm.setNics(params.vm_nics === undefined ? snapshot.nics.map(withoutMac) : nicsOf(model, params.vm_nics));
      vm.entityAsyncStatus = null;
    },
    undo: () => model.vms.delete(vm),
  };
};

const withoutMac = ({ mac_address: _, ...nic }: FakeVmSnapshot["nics"][number]): FakeVmSnapshot["nics"][number] => nic;

export const vmSnapshotOperations: FakeOperations = {
  ...queriesOf("vm-snapshots", (model) => model.vmSnapshots.all()),
  "/create-vm-snapshot": change<{ data: readonly { vm_id: string; name: string }[] }>((model, { data }) =>
    data.map((params) => taken(model, params)),
  ),
  "/delete-vm-snapshot": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.vmSnapshots, where).map((snapshot) => deleted(model, snapshot)),
  ),
  "/rollback-vm": vmChanges(rolledBack),
  "/rebuild-vm-from-snapshot": changeEach(rebuilt),
};
