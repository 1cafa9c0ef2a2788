import { z } from "zod";
import { busSchema, type firmwareSchema, nicModelSchema } from "../../../../../core/api/object/vm.ts";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { listOf, type Noun, refSchema, whereId } from "./noun.ts";

/*
 * A VM's disks and NICs. Their ids are not stable: a disk is known by its VM and volume, a NIC by
 * its MAC address.
 */

const disks: Noun<TowerDisk> = {
  list: "get-vm-disks",
  schema: z
    .object({
      ...{ id: z.string(), type: z.enum(["DISK", "CD_ROM"]), bus: busSchema, boot: z.number() },
      ...{ vm: refSchema, vm_volume: refSchema.nullish(), key: z.number().nullish(), device: z.string().nullish() },
      ...{ elf_image: refSchema.nullish(), svt_image: refSchema.nullish(), serial: z.string().nullish() },
      disabled: z.boolean().nullish(),
    })
    .transform((disk) => ({
      ...{ id: disk.id, isCdRom: disk.type === "CD_ROM", bus: disk.bus, boot: disk.boot },
      ...{ vm: disk.vm, volume: disk.vm_volume ?? undefined, key: disk.key ?? undefined },
      ...{ device: disk.device || undefined, image: (disk.elf_image ?? disk.svt_image)?.name },
      isDisabled: disk.disabled ?? false,
    })),
};

export interface TowerDisk {
  readonly id: string;
  readonly isCdRom: boolean;
  readonly bus: z.infer<typeof busSchema>;
  readonly boot: number;
  readonly vm: { readonly id: string; readonly name: string };
  readonly volume: { readonly id: string; readonly name: string } | undefined;
  /** What orders a VM's disks, where the cluster says. */
  readonly key: number | undefined;
  readonly device: string | undefined;
  /** What lies in a CD-ROM drive. */
  readonly image: string | undefined;
  readonly isDisabled: boolean;
}

export const listDisks = (tower: CloudTower, clusterId: string, call?: StorageCall) =>
  listOf(tower, disks, { vm: { cluster: { id: clusterId } } }, call);

export const listDisksOfVms = (tower: CloudTower, vmIds: readonly string[], call?: StorageCall) =>
  vmIds.length === 0 ? Promise.resolve([]) : listOf(tower, disks, { vm: { id_in: vmIds } }, call);

export const listDisksOfVolume = (tower: CloudTower, volumeId: string, call?: StorageCall) =>
  listOf(tower, disks, { vm_volume: whereId(volumeId).where }, call);

const nics: Noun<TowerNic> = {
  list: "get-vm-nics",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), vm: refSchema, vlan: refSchema.nullish() },
      ...{ mac_address: z.string().nullish(), model: nicModelSchema.nullish(), order: z.number().nullish() },
      ...{ enabled: z.boolean().nullish(), ip_address: z.string().nullish(), gateway: z.string().nullish() },
      subnet_mask: z.string().nullish(),
    })
    .transform((nic) => ({
      ...{ id: nic.id, localId: nic.local_id, vm: nic.vm, vlan: nic.vlan ?? undefined },
      ...{ macAddress: nic.mac_address?.toLowerCase() || undefined, model: nic.model ?? "VIRTIO" },
      ...{ order: nic.order ?? undefined, isEnabled: nic.enabled ?? true },
      ...{ ipAddress: nic.ip_address || undefined, gateway: nic.gateway || undefined },
      subnetMask: nic.subnet_mask || undefined,
    })),
};

export interface TowerNic {
  readonly id: string;
  readonly localId: string;
  readonly vm: { readonly id: string; readonly name: string };
  readonly vlan: { readonly id: string; readonly name: string } | undefined;
  /** In lower case. */
  readonly macAddress: string | undefined;
  readonly model: z.infer<typeof nicModelSchema>;
  readonly order: number | undefined;
  readonly isEnabled: boolean;
  readonly ipAddress: string | undefined;
  readonly gateway: string | undefined;
  readonly subnetMask: string | undefined;
}

export interface NewNic {
  /** CloudTower's id of a VLAN. Absent: it is not connected. */
  readonly vlanId?: string | undefined;
  /** Absent: the cluster makes one up. */
  readonly macAddress?: string | undefined;
  readonly model: z.infer<typeof nicModelSchema>;
  readonly isEnabled: boolean;
  readonly ipAddress?: string | undefined;
  readonly gateway?: string | undefined;
  readonly subnetMask?: string | undefined;
}

export const listNics = (tower: CloudTower, clusterId: string, call?: StorageCall) =>
  listOf(tower, nics, { vm: { cluster: { id: clusterId } } }, call);

export const listNicsOfVms = (tower: CloudTower, vmIds: readonly string[], call?: StorageCall) =>
  vmIds.length === 0 ? Promise.resolve([]) : listOf(tower, nics, { vm: { id_in: vmIds } }, call);

export interface MountedDisk {
  readonly volumeId: string;
  readonly bus: z.infer<typeof busSchema>;
  /** Its place in the order in which the VM tries to start, from 1; 0: it doesn't. */
  readonly boot: number;
  readonly index?: number;
}

export interface NewVm {
  readonly clusterId: string;
  readonly name: string;
  readonly description?: string;
  readonly vcpu: number;
  readonly cpu: { readonly cores: number; readonly sockets: number };
  readonly memoryBytes: number;
  readonly firmware: z.infer<typeof firmwareSchema>;
  readonly ha: boolean;
  readonly nics: readonly NewNic[];
  readonly disks: readonly MountedDisk[];
  readonly folderId?: string;
}

/** As CloudTower takes it; what is not said is left out. */
export const newNicOf = ({
  vlanId,
  macAddress,
  model,
  isEnabled,
  ipAddress,
  gateway,
  subnetMask,
}: Partial<NewNic>) => ({
  ...(vlanId !== undefined && { connect_vlan_id: vlanId }),
  ...(macAddress !== undefined && { mac_address: macAddress }),
  ...(model !== undefined && { model }),
  ...(isEnabled !== undefined && { enabled: isEnabled }),
  ...(ipAddress !== undefined && { ip_address: ipAddress }),
  ...(gateway !== undefined && { gateway }),
  ...(subnetMask !== undefined && { subnet_mask: subnetMask }),
});

export const newDiskOf = ({ volumeId, bus, boot, index }: MountedDisk) => ({
  ...{ vm_volume_id: volumeId, bus, boot },
  ...(index !== undefined && { index }),
});
