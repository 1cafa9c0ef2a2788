import type { ObjectId } from "../../control.ts";
import { refuseUnfinished, refuseUnfinishedVm } from "../cluster/unfinished.ts";
import { deleteVmRow, setDisks, type VmRow } from "../cluster/vms.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { refuseAttached, refuseBusy, removeVolume } from "../cluster/volumes.ts";
import type { Writer } from "../data/locks.ts";
import type { Database } from "../database/database.ts";
import { findOwn } from "./find.ts";
import { refuseRunning } from "./running.ts";

/** What a change may have to ask whether somebody writes a volume. */
export interface Cluster {
  readonly database: Database;
  readonly writer: Pick<Writer, "isAlive">;
}

/* Everything here runs inside the caller's transaction. */

/** @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, OBJECT_BUSY */
export const removeObject = (cluster: Cluster, id: ObjectId): void => {
  const { database, writer } = cluster;
  const own = findOwn(database, id);
  if (own.kind === "vm") {
    refuseUnfinishedVm(database, own.vm);
    removeVm(cluster, own.vm);
    return;
  }
  refuseUnfinished(database, own.volume);
  refuseAttached(database, own.volume);
  refuseBusy(own.volume, writer, "OBJECT_BUSY");
  removeVolume(database, own.volume);
};

const removeVm = (cluster: Cluster, vm: VmRow): void => {
  const { database } = cluster;
  refuseRunning(vm, "deleted");
  setDisks(database, vm.id, []);
  removeOwnVolumes(cluster, vm);
  // A late copy of the task that rebuilt it must not make it again.
  if (vm.rebuildKey !== null) database.run("INSERT OR IGNORE INTO deletedRebuilds (key) VALUES (?)", vm.rebuildKey);
  deleteVmRow(database, vm.id);
};

/**
 * Volumes that were made with a VM and that it does not have any more go, unless
 * another VM has them.
 * @throws OBJECT_BUSY
 */
export const removeOwnVolumes = ({ database, writer }: Cluster, vm: Pick<VmRow, "id">): void => {
  const given = database.all<VolumeRow>(
    "SELECT * FROM volumes WHERE vmId = ? AND NOT EXISTS (SELECT 1 FROM vmDisks d WHERE d.vmId = ? AND volumeId = volumes.id)",
    vm.id,
    vm.id,
  );
  for (const volume of given) {
    if (database.one("SELECT 1 FROM vmDisks WHERE volumeId = ?", volume.id) !== undefined) {
      database.run("UPDATE volumes SET vmId = NULL WHERE id = ?", volume.id);
      continue;
    }
    refuseBusy(volume, writer, "OBJECT_BUSY");
    removeVolume(database, volume);
  }
};
