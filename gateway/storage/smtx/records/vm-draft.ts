import type { VmNic } from "../../../../core/api/object/vm.ts";
import type { VmDiskRow, VmNicRow, VmRow } from "../../extentstore/cluster/vms.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { VmWish } from "../cluster/hands.ts";

/* A VM as its rows have it. Everything here runs inside the caller's transaction. */

/** What is left to say is which of the cluster's volumes its disks are. */
export interface VmDraft extends Omit<VmWish, "name" | "disks" | "nics"> {
  readonly vmId: string;
  readonly nics: readonly Omit<VmNic, "order">[];
  readonly disks: readonly (Omit<VmWish["disks"][number], "volume"> & {
    readonly volumeId: string;
    /** CloudTower's id, where it is there already. */
    readonly volume: string | undefined;
  })[];
}

export const vmDraft = (database: Database, vm: VmRow): VmDraft => {
  const disks = database.all<VmDiskRow>("SELECT * FROM vmDisks WHERE vmId = ? ORDER BY position", vm.id);
  const nics = database.all<VmNicRow>("SELECT * FROM vmNics WHERE vmId = ? ORDER BY position", vm.id);
  return {
    vmId: vm.id,
    config: {
      ...(vm.description !== null && { description: vm.description }),
      ...{ vcpu: vm.vcpu, cpu: { cores: vm.cores, sockets: vm.sockets }, memory: vm.memoryBytes },
      ...{ firmware: vm.firmware, ha: vm.ha === 1, status: vm.status },
    },
    disks: disks.flatMap(({ volumeId, bus, boot, position }) =>
      volumeId === null ? [] : [{ volumeId, volume: vmVolumeOf(database, volumeId), bus, boot, index: position }],
    ),
    nics: nics.map(nicOf),
  };
};

const nicOf = (row: VmNicRow): VmDraft["nics"][number] => ({
  macAddress: row.macAddress,
  model: row.model,
  virtualSwitch: row.switch,
  vlan: { ...(row.vlanName !== null && { name: row.vlanName }), vlanId: row.vlanId },
  enabled: row.enabled === 1,
  ...(row.ipAddress !== null && { ipAddress: row.ipAddress }),
  ...(row.gateway !== null && { gateway: row.gateway }),
  ...(row.subnetMask !== null && { subnetMask: row.subnetMask }),
});

const vmVolumeOf = (database: Database, volumeId: string): string | undefined =>
  database.one<{ vmVolume: string | null }>("SELECT vmVolume FROM lunsOfVolumes WHERE volumeId = ?", volumeId)
    ?.vmVolume ?? undefined;
