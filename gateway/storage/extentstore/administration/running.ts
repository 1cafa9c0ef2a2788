import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectChange } from "../../../../core/api/object-spec.ts";
import type { VmRow } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";
import { changedCpus } from "./cpus.ts";
import { disksOf, keptDisks } from "./disks.ts";

/* What can't be done to a VM that is on. Everything here runs inside the caller's transaction. */

/** @param what is to be done to it: `deleted`. @throws OBJECT_BUSY */
export const refuseRunning = ({ id, name, status }: VmRow, what: string): void => {
  if (status === "STOPPED") return;
  throw new VisibleError("OBJECT_BUSY", `The VM “${name}” is on, and can't be ${what}.`, {
    hint: `Switch it off first: smtx-backup object power-off ${id} --site SITE`,
  });
};

/**
 * Its name, NICs and CD-ROMs may change, and its disks may grow and become more.
 * @throws OBJECT_BUSY
 */
export const refuseChangeOfRunning = (database: Database, vm: VmRow, change: ObjectChange): void => {
  const { memory, firmware, disks } = change;
  const { cpu, vcpu } = changedCpus(vm, change);
  if (cpu.cores !== vm.cores || cpu.sockets !== vm.sockets || vcpu !== vm.vcpu) refuseRunning(vm, "given other CPUs");
  if (differs(memory, vm.memoryBytes)) refuseRunning(vm, "given another memory");
  if (differs(firmware, vm.firmware)) refuseRunning(vm, "given another firmware");
  if (disks === undefined) return;
  const had = disksOf(database, vm);
  const kept = keptDisks(had, disks);
  const lost = had.find((disk) => disk.volume !== null && !kept.has(disk));
  if (lost?.volume) refuseRunning(vm, `without its disk “${lost.volume.name}”`);
};

const differs = <Value>(wanted: Value | undefined, is: Value): boolean => wanted !== undefined && wanted !== is;
