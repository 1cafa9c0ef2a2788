import { VisibleError } from "../../../../core/api/errors.ts";
import type { VmConfig, VmNic } from "../../../../core/api/object/vm.ts";
import type { Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";
import type { VolumeRow } from "./volume-row.ts";
import { labelsText, newId } from "./volumes.ts";

/* VMs, their disks and NICs, as rows. Everything here runs inside the caller's transaction. */

export interface VmRow {
  readonly id: string;
  readonly role: VolumeRow["role"];
  readonly name: string;
  readonly description: string | null;
  readonly vcpu: number;
  readonly cores: number;
  readonly sockets: number;
  readonly memoryBytes: number;
  readonly firmware: VmConfig["firmware"];
  readonly ha: 0 | 1;
  readonly status: VmConfig["status"];
  /** JSON. */
  readonly labels: string | null;
  readonly planId: string | null;
  readonly source: string | null;
  readonly rebuildKey: string | null;
}

/** A volume or a CD-ROM. `position` is its place among the VM's disks, from 0. */
export interface VmDiskRow {
  readonly vmId: string;
  readonly position: number;
  readonly volumeId: string | null;
  readonly cdRom: string | null;
  readonly bus: VmConfig["disks"][number]["bus"];
  readonly boot: number;
}

export interface VmNicRow {
  readonly vmId: string;
  readonly position: number;
  readonly macAddress: string;
  readonly model: VmNic["model"];
  readonly switch: string | null;
  readonly vlanName: string | null;
  readonly vlanId: number;
  readonly enabled: 0 | 1;
  readonly ipAddress: string | null;
  readonly gateway: string | null;
  readonly subnetMask: string | null;
}

export type NewVmConfig = Omit<VmConfig, "disks" | "nics">;
export type NewDisk = Omit<VmDiskRow, "vmId">;

/** @throws VOLUME_UNKNOWN */
export const findVm = (database: Database, vmId: string): VmRow => {
  const row = database.one<VmRow>("SELECT * FROM vms WHERE id = ?", vmId);
  if (row !== undefined) return row;
  throw new VisibleError("VOLUME_UNKNOWN", `There is no VM ${vmId} in this cluster.`, {
    hint: "It may have been deleted; look at the site's inventory.",
  });
};

/** A VM without disks and NICs. */
export const insertVm = (
  database: Database,
  vm: {
    readonly role: VmRow["role"];
    readonly name: string;
    readonly config: NewVmConfig;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly owner?: Owner | undefined;
    readonly rebuildKey?: string | undefined;
  },
): VmRow => {
  const id = newId("vm");
  const { config } = vm;
  database.run(
    `INSERT INTO vms (id, role, name, description, vcpu, cores, sockets, memoryBytes, firmware, ha, status, labels,
       planId, source, rebuildKey) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    vm.role,
    vm.name,
    config.description ?? null,
    config.vcpu,
    config.cpu.cores,
    config.cpu.sockets,
    config.memory,
    config.firmware,
    config.ha ? 1 : 0,
    config.status,
    labelsText(vm.labels),
    vm.owner?.planId ?? null,
    vm.owner?.source ?? null,
    vm.rebuildKey ?? null,
  );
  return findVm(database, id);
};

/** Its resources, name and power state; not its disks and NICs. */
export const updateVm = (
  database: Database,
  vmId: string,
  now: { readonly name: string; readonly config: NewVmConfig },
): void => {
  const { name, config } = now;
  database.run(
    `UPDATE vms SET name = ?, description = ?, vcpu = ?, cores = ?, sockets = ?, memoryBytes = ?, firmware = ?, ha = ?,
       status = ? WHERE id = ?`,
    name,
    config.description ?? null,
    config.vcpu,
    config.cpu.cores,
    config.cpu.sockets,
    config.memory,
    config.firmware,
    config.ha ? 1 : 0,
    config.status,
    vmId,
  );
};

/** The VM's disks are these from now on. Volumes that it does not have any more are not deleted. */
export const setDisks = (database: Database, vmId: string, disks: readonly NewDisk[]): void => {
  database.run("DELETE FROM vmDisks WHERE vmId = ?", vmId);
  for (const { position, volumeId, cdRom, bus, boot } of disks) {
    database.run(
      "INSERT INTO vmDisks (vmId, position, volumeId, cdRom, bus, boot) VALUES (?, ?, ?, ?, ?, ?)",
      vmId,
      position,
      volumeId,
      cdRom,
      bus,
      boot,
    );
  }
};

/** The VM's NICs are these from now on, in this order. Their switches must be there. */
export const setNics = (database: Database, vmId: string, nics: readonly Omit<VmNic, "order">[]): void => {
  database.run("DELETE FROM vmNics WHERE vmId = ?", vmId);
  for (const [position, nic] of nics.entries()) {
    database.run(
      `INSERT INTO vmNics (vmId, position, macAddress, model, switch, vlanName, vlanId, enabled, ipAddress, gateway,
         subnetMask) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      vmId,
      position,
      nic.macAddress,
      nic.model,
      nic.virtualSwitch,
      nic.vlan.name ?? null,
      nic.vlan.vlanId,
      nic.enabled ? 1 : 0,
      nic.ipAddress ?? null,
      nic.gateway ?? null,
      nic.subnetMask ?? null,
    );
  }
};

/** The VM with its disks and NICs, but none of its volumes. */
export const deleteVmRow = (database: Database, vmId: string): void => {
  database.run("UPDATE volumes SET vmId = NULL WHERE vmId = ?", vmId);
  database.run("DELETE FROM vms WHERE id = ?", vmId);
};
