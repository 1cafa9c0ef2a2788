import type { GroupId } from "../../../../core/api/ids.ts";
import type { VmNic } from "../../../../core/api/object/vm.ts";
import {
  type NewDisk,
  type NewVmConfig,
  setDisks,
  setNics,
  updateVm,
  type VmDiskRow,
  type VmRow,
} from "../../extentstore/cluster/vms.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { vmDraft } from "../records/vm-draft.ts";

/*
 * What VMs were before a rollback began. A cluster gives a VM its parts one by one, so whoever is
 * cut in between leaves one that is neither: what is planned, told or undone goes by this. Inside a
 * transaction.
 */

interface Shape {
  readonly config: NewVmConfig;
  readonly disks: readonly NewDisk[];
  readonly nics: readonly Omit<VmNic, "order">[];
}

export const keepVms = (database: Database, key: GroupId, vms: readonly VmRow[]): void => {
  for (const vm of vms) {
    const { config, nics } = vmDraft(database, vm);
    const disks = database.all<VmDiskRow>("SELECT * FROM vmDisks WHERE vmId = ?", vm.id);
    const shape: Shape = { config, disks, nics };
    database.run("INSERT OR IGNORE INTO vmsBefore VALUES (?, ?, ?)", key, vm.id, JSON.stringify(shape));
  }
};

/** Their rows are that again, as far as volumes and switches are there. @returns the VMs */
export const recallVms = (database: Database, key: GroupId): readonly VmRow[] => {
  const kept = database.all<VmRow & { shape: string }>(
    "SELECT vms.*, shape FROM vmsBefore JOIN vms ON id = vmId WHERE key = ? ORDER BY id",
    key,
  );
  for (const { id, name, status, shape } of kept) {
    const { config, disks, nics } = JSON.parse(shape) as Shape;
    updateVm(database, id, { name, config: { ...config, status } });
    setDisks(
      database,
      id,
      disks.filter(({ volumeId }) => volumeId === null || isThere(database, "volumes", "id", volumeId)),
    );
    const connectable = ({ virtualSwitch: name_ }: Pick<VmNic, "virtualSwitch">) =>
      name_ !== null && isThere(database, "switches", "name", name_);
    setNics(
      database,
      id,
      nics.map((nic) => (connectable(nic) ? nic : { ...nic, virtualSwitch: null })),
    );
  }
  return kept;
};

export const forgetVms = (database: Database, key: GroupId): void => {
  database.run("DELETE FROM vmsBefore WHERE key = ?", key);
};

const isThere = (database: Database, table: "volumes" | "switches", column: "id" | "name", value: string): boolean =>
  database.one(`SELECT 1 FROM ${table} WHERE ${column} = ?`, value) !== undefined;
