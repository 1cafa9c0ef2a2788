import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { ObjectChange, VmDiskChange } from "../../../../core/api/object-spec.ts";
import { objectOfVm } from "../cluster/objects.ts";
import { findVm, type NewVmConfig, setDisks, setNics, updateVm, type VmRow } from "../cluster/vms.ts";
import { changedCpus } from "./cpus.ts";
import { freeVmName } from "./create-vm.ts";
import { disksOf, hadDisk, makeDisks } from "./disks.ts";
import { growVolume } from "./grow.ts";
import { makeNics } from "./nics.ts";
import { type Cluster, removeOwnVolumes } from "./remove.ts";
import { refuseChangeOfRunning } from "./running.ts";

/** Inside a transaction. @throws as ClusterAdministration says of `updateObject` */
export const changeVm = (cluster: Cluster, vm: VmRow, change: ObjectChange): ObjectConfig => {
  const { database } = cluster;
  refuseChangeOfRunning(database, vm, change);
  const name = change.name === undefined || change.name === vm.name ? vm.name : freeVmName(database, change.name);
  updateVm(database, vm.id, { name, config: changedConfig(vm, change) });
  if (change.disks !== undefined) changeDisks(cluster, { ...vm, name }, change.disks);
  if (change.nics !== undefined) {
    // Its own addresses are free for it.
    setNics(database, vm.id, []);
    setNics(database, vm.id, makeNics(database, { name }, change.nics));
  }
  return objectOfVm(database, findVm(database, vm.id));
};

const changedConfig = (vm: VmRow, change: ObjectChange): NewVmConfig => {
  const description = change.description ?? vm.description ?? undefined;
  return {
    ...(description !== undefined && { description }),
    ...changedCpus(vm, change),
    memory: change.memory ?? vm.memoryBytes,
    firmware: change.firmware ?? vm.firmware,
    ha: change.ha ?? vm.ha === 1,
    status: vm.status,
  };
};

const changeDisks = (cluster: Cluster, vm: VmRow, wanted: readonly VmDiskChange[]): void => {
  const { database } = cluster;
  const had = disksOf(database, vm);
  for (const disk of wanted) {
    const volume = hadDisk(had, disk)?.volume;
    if (volume && disk.size !== undefined) growVolume(cluster, volume, disk.size);
  }
  setDisks(database, vm.id, makeDisks(database, { vm, wanted, had }));
  removeOwnVolumes(cluster, vm);
};
