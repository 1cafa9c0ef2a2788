import { FakeVm, type FakeVmConfig, FakeVmFolder } from "../entities/vms.ts";
import { bytesOf, chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";
import { disksOf, type FakeDisksParams, type FakeNicParams, nicsOf, vmChange, vmChanges } from "./vm-parts.ts";
import { removeVmSnapshot } from "./vm-snapshots.ts";
import { removeVmVolume } from "./vm-volumes.ts";

interface VmCreation {
  readonly name: string;
  readonly cluster_id: string;
  readonly folder_id?: string;
  readonly description?: string;
  readonly vcpu?: number;
  readonly cpu_cores: number;
  readonly cpu_sockets: number;
  readonly memory: number;
  readonly memory_unit?: string;
  readonly firmware: string;
  readonly ha: boolean;
  readonly status: string;
  readonly vm_disks: FakeDisksParams;
  readonly vm_nics: readonly FakeNicParams[];
}

const configOf = (params: VmCreation): FakeVmConfig => ({
  vcpu: params.vcpu ?? params.cpu_cores * params.cpu_sockets,
  cpu: { cores: params.cpu_cores, sockets: params.cpu_sockets },
  memory: bytesOf(params.memory, params.memory_unit),
  firmware: params.firmware,
  ha: params.ha,
  description: params.description ?? "",
});

const created = (model: FakeModel, params: VmCreation): FakeChange => {
  const cluster = need(model.clusters, params.cluster_id);
  const vm = new FakeVm(params.name, cluster, { config: configOf(params), status: "STOPPED" });
  vm.folder = params.folder_id === undefined ? null : need(model.vmFolders, params.folder_id);
  const nics = nicsOf(model, params.vm_nics);
  const disks = disksOf(model, cluster, params.vm_disks, true);
  vm.entityAsyncStatus = "CREATING";
  model.vms.add(vm);
  return {
    ...{ data: vm, cluster, type: "Vm", mutation: "create", description: `Create VM ${params.name}` },
    run: () => {
      vm.setDisks(disks);
      vm.setNics(nics);
      vm.status = params.status === "RUNNING" ? "RUNNING" : "STOPPED";
      vm.entityAsyncStatus = null;
    },
    undo: () => {
      model.vms.delete(vm);
      for (const { volume, isVmsOwn } of disks) if (volume && isVmsOwn) removeVmVolume(model, volume);
    },
  };
};

interface VmUpdate {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly vcpu?: number | null;
  readonly cpu_cores?: number | null;
  readonly cpu_sockets?: number | null;
  readonly memory?: number | null;
  readonly memory_unit?: string;
  readonly ha?: boolean | null;
}

const updated = (_: FakeModel, vm: FakeVm, data: VmUpdate): FakeChange =>
  vmChange(vm, "Update VM", () => {
    const { config } = vm;
    const cpu = { cores: data.cpu_cores ?? config.cpu.cores, sockets: data.cpu_sockets ?? config.cpu.sockets };
    vm.name = data.name ?? vm.name;
    vm.config = {
      ...{ ...config, cpu, vcpu: data.vcpu ?? cpu.cores * cpu.sockets, ha: data.ha ?? config.ha },
      description: data.description ?? config.description,
      memory: data.memory ? bytesOf(data.memory, data.memory_unit) : config.memory,
    };
  });

const powered = (model: FakeModel, where: FakeWhere, status: FakeVm["status"]): readonly FakeChange[] =>
  chosen(model.vms, where).map((vm) =>
    vmChange(vm, status === "RUNNING" ? "Start VM" : "Stop VM", () => {
      if (vm.status === status) throw new FakeTaskFailure("VM_STATUS_INVALID", `${vm.name} is ${status} already`);
      vm.status = status;
    }),
  );

const deleted = (model: FakeModel, vm: FakeVm, removesSnapshots: boolean): FakeChange => ({
  ...{ data: vm, cluster: vm.cluster, type: "Vm", mutation: "delete", description: `Delete VM ${vm.name}` },
  run: () => {
    if (vm.status !== "STOPPED") throw new FakeTaskFailure("VM_STATUS_INVALID", `${vm.name} is on`);
    removeVm(model, vm, removesSnapshots);
  },
});

/** It goes with the volumes that were made with it; others stay. */
export const removeVm = (model: FakeModel, vm: FakeVm, removesSnapshots: boolean): void => {
  const own = vm.vm_disks.flatMap(({ vm_volume: volume, isVmsOwn }) => (volume && isVmsOwn ? [volume] : []));
  for (const snapshot of [...vm.snapshots]) {
    if (removesSnapshots) removeVmSnapshot(model, snapshot);
    else snapshot.vm = null;
  }
  vm.setDisks([]);
  for (const volume of own) if (!volume.mounting) removeVmVolume(model, volume, removesSnapshots);
  model.vms.delete(vm);
};

const folderCreated = (
  model: FakeModel,
  { name, cluster_id: id }: { readonly name: string; readonly cluster_id: string },
): FakeChange => {
  const cluster = need(model.clusters, id);
  const folder = model.vmFolders.add(new FakeVmFolder(name, cluster));
  return {
    ...{ data: folder, cluster, type: "VmFolder", mutation: "create", description: `Create folder ${name}` },
    run: () => undefined,
    undo: () => model.vmFolders.delete(folder),
  };
};

const folderDeleted = (model: FakeModel, folder: FakeVmFolder): FakeChange => ({
  ...{ data: folder, cluster: folder.cluster, type: "VmFolder", mutation: "delete" },
  description: `Delete folder ${folder.name}`,
  run: () => {
    for (const vm of model.vms.all()) if (vm.folder === folder) vm.folder = null;
    model.vmFolders.delete(folder);
  },
});

interface Deletion {
  readonly where: FakeWhere;
  readonly effect?: { readonly include_snapshots?: boolean };
}

export const vmOperations: FakeOperations = {
  ...queriesOf("vms", (model) => model.vms.all()),
  ...queriesOf("vm-disks", (model) => model.vms.all().flatMap(({ vm_disks: disks }) => disks)),
  ...queriesOf("vm-nics", (model) => model.vms.all().flatMap(({ vm_nics: nics }) => nics)),
  ...queriesOf("vm-folders", (model) => model.vmFolders.all()),
  "/create-vm": changeEach(created),
  "/update-vm-basic-info": vmChanges(updated),
  "/start-vm": change<{ where: FakeWhere }>((model, { where }) => powered(model, where, "RUNNING")),
  "/poweroff-vm": change<{ where: FakeWhere }>((model, { where }) => powered(model, where, "STOPPED")),
  "/shutdown-vm": change<{ where: FakeWhere }>((model, { where }) => powered(model, where, "STOPPED")),
  "/delete-vm": change<Deletion>((model, { where, effect }) =>
    chosen(model.vms, where).map((vm) => deleted(model, vm, effect?.include_snapshots ?? false)),
  ),
  "/create-vm-folder": changeEach(folderCreated),
  "/delete-vm-folder": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.vmFolders, where).map((folder) => folderDeleted(model, folder)),
  ),
};
