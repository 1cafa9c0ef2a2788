import type { ObjectChange, VmDiskChange } from "../../../../core/api/object-spec.ts";
import type { Loss } from "../../administration.ts";
import type { ObjectId } from "../../control.ts";
import type { VmNicRow, VmRow } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";
import { disksOf, type HadDisk, keptDisks } from "./disks.ts";
import { findOwn } from "./find.ts";
import { refuseChangeOfRunning, refuseRunning } from "./running.ts";

/**
 * What a VM would lose by a change, or by being deleted. Inside a transaction.
 * @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, OBJECT_BUSY (the VM is on)
 */
export const lossesOf = (database: Database, id: ObjectId, change: ObjectChange | "delete"): Loss[] => {
  const own = findOwn(database, id);
  if (own.kind !== "vm") return [];
  if (change === "delete") {
    refuseRunning(own.vm, "deleted");
    return lostDisks(database, own.vm, []);
  }
  refuseChangeOfRunning(database, own.vm, change);
  return [
    ...(change.disks === undefined ? [] : lostDisks(database, own.vm, change.disks)),
    ...(change.nics === undefined ? [] : lostNics(database, own.vm, change.nics)),
  ];
};

const lostDisks = (database: Database, vm: VmRow, wanted: readonly VmDiskChange[]): Loss[] => {
  const had = disksOf(database, vm);
  const kept = keptDisks(had, wanted);
  return had.filter((disk) => !kept.has(disk)).map((disk) => lossOf(database, vm, disk));
};

const lossOf = (database: Database, vm: VmRow, { volume, cdRom }: HadDisk): Loss => {
  if (volume === null) return { what: `CD-ROM ${cdRom}` };
  const other = database.one("SELECT 1 FROM vmDisks WHERE volumeId = ? AND vmId <> ?", volume.id, vm.id);
  const goes = volume.vmId === vm.id && other === undefined;
  return {
    what: `${volume.sharing === 1 ? "shared volume" : "disk"} ${volume.name}`,
    ...(goes && { deletedBytes: volume.sizeBytes }),
  };
};

const lostNics = (database: Database, { id }: VmRow, wanted: NonNullable<ObjectChange["nics"]>): Loss[] => {
  const kept = new Set(wanted.map(({ macAddress }) => macAddress));
  return database
    .all<VmNicRow>("SELECT * FROM vmNics WHERE vmId = ? ORDER BY position", id)
    .filter(({ macAddress }) => !kept.has(macAddress))
    .map(({ macAddress }) => ({ what: `NIC ${macAddress}` }));
};
