import { z } from "zod";
import { busSchema, firmwareSchema, nicModelSchema } from "../../../../../core/api/object/vm.ts";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
  byIds,
  deleted,
  firstOf,
  listOf,
  made,
  type Noun,
  refSchema,
  settledSchema,
  whereId,
  whereIds,
} from "./noun.ts";

/* A VM's snapshot: its frozen configuration, and which snapshot each of its disks has. */

const frozenDiskSchema = z
  .object({
    ...{ type: z.enum(["DISK", "CD_ROM"]), bus: busSchema, boot: z.number(), index: z.number(), size: z.number() },
    ...{ vm_volume_local_id: z.string(), snapshot_local_id: z.string().nullish(), disk_name: z.string().nullish() },
    ...{ vm_volume_snapshot_uuid: z.string().nullish(), image_name: z.string().nullish() },
  })
  .transform((disk) => ({
    ...{ isCdRom: disk.type === "CD_ROM", bus: disk.bus, boot: disk.boot, index: disk.index, sizeBytes: disk.size },
    ...{ volumeLocalId: disk.vm_volume_local_id || undefined, name: disk.disk_name || undefined },
    ...{ lunSnapshotName: disk.snapshot_local_id || undefined, image: disk.image_name || undefined },
    zbsSnapshotId: disk.vm_volume_snapshot_uuid || undefined,
  }));

const frozenNicSchema = z
  .object({
    ...{ mac_address: z.string(), model: nicModelSchema.nullish(), index: z.number(), enabled: z.boolean().nullish() },
    ...{ ip_address: z.string(), gateway: z.string(), subnet_mask: z.string() },
    vlan: z.object({ vlan_local_id: z.string(), name: z.string(), vlan_id: z.number(), vds_ovs: z.string() }),
  })
  .transform((nic) => ({
    ...{ macAddress: nic.mac_address.toLowerCase(), model: nic.model ?? ("VIRTIO" as const), order: nic.index },
    ...{ isEnabled: nic.enabled ?? true, ipAddress: nic.ip_address || undefined },
    ...{ gateway: nic.gateway || undefined, subnetMask: nic.subnet_mask || undefined },
    ...{ vlanLocalId: nic.vlan.vlan_local_id, vlanName: nic.vlan.name, vlanId: nic.vlan.vlan_id },
    bridge: nic.vlan.vds_ovs,
  }));

const vmSnapshots: Noun<TowerVmSnapshot> = {
  list: "get-vm-snapshots",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), description: z.string(), vm: refSchema.nullish() },
      ...{ vcpu: z.number(), cpu: z.object({ cores: z.number(), sockets: z.number() }), memory: z.number() },
      ...{ firmware: firmwareSchema, ha: z.boolean(), local_created_at: z.string().nullish() },
      ...{ vm_disks: z.array(frozenDiskSchema).nullish(), vm_nics: z.array(frozenNicSchema).nullish() },
      entityAsyncStatus: settledSchema,
    })
    .transform((snapshot) => ({
      ...{ id: snapshot.id, localId: snapshot.local_id, name: snapshot.name, description: snapshot.description },
      ...{ vm: snapshot.vm ?? undefined, createdAt: snapshot.local_created_at ?? undefined },
      ...{ vcpu: snapshot.vcpu, cpu: snapshot.cpu, memoryBytes: snapshot.memory },
      ...{ firmware: snapshot.firmware, ha: snapshot.ha, disks: snapshot.vm_disks ?? [] },
      ...{ nics: snapshot.vm_nics ?? [], isSettled: snapshot.entityAsyncStatus },
    })),
};

export interface FrozenDisk {
  readonly isCdRom: boolean;
  readonly bus: z.infer<typeof busSchema>;
  readonly boot: number;
  readonly index: number;
  readonly sizeBytes: number;
  /** The volume's id on the cluster. */
  readonly volumeLocalId: string | undefined;
  readonly name: string | undefined;
  /** The *name* of the LUN snapshot that has its content, though CloudTower calls it an id. */
  readonly lunSnapshotName: string | undefined;
  readonly zbsSnapshotId: string | undefined;
  readonly image: string | undefined;
}

export interface FrozenNic {
  readonly macAddress: string;
  readonly model: z.infer<typeof nicModelSchema>;
  readonly order: number;
  readonly isEnabled: boolean;
  readonly ipAddress: string | undefined;
  readonly gateway: string | undefined;
  readonly subnetMask: string | undefined;
  readonly vlanLocalId: string;
  readonly vlanName: string;
  readonly vlanId: number;
  readonly bridge: string;
}

export interface TowerVmSnapshot {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly description: string;
  /** Undefined when it was deleted since. */
  readonly vm: { readonly id: string; readonly name: string } | undefined;
  readonly createdAt: string | undefined;
  readonly vcpu: number;
  readonly cpu: { readonly cores: number; readonly sockets: number };
  readonly memoryBytes: number;
  readonly firmware: z.infer<typeof firmwareSchema>;
  readonly ha: boolean;
  readonly disks: readonly FrozenDisk[];
  readonly nics: readonly FrozenNic[];
  readonly isSettled: boolean;
}

export const findVmSnapshots = byIds(vmSnapshots);

/** Those whose names begin so. */
export const listNamedVmSnapshots = (
  tower: CloudTower,
  { clusterId, prefix }: { readonly clusterId: string; readonly prefix: string },
  call?: StorageCall,
) => listOf(tower, vmSnapshots, { cluster: { id: clusterId }, name_starts_with: prefix }, call);

export const findNamedVmSnapshot = (
  tower: CloudTower,
  { vmId, name }: { readonly vmId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, vmSnapshots, { vm: whereId(vmId).where, name }, call);

/** As a crash would leave the VM. Looks for one of that name of the VM first. */
export const ensureVmSnapshot = (
  tower: CloudTower,
  wanted: { readonly vmId: string; readonly name: string },
  call?: StorageCall,
): Promise<TowerVmSnapshot> => {
  const body = { data: [{ vm_id: wanted.vmId, name: wanted.name, consistent_type: "CRASH_CONSISTENT" }] };
  return tower.ensure(
    {
      what: `the snapshot “${wanted.name}”`,
      find: (watch) => findNamedVmSnapshot(tower, wanted, watch),
      create: (watch) => made(tower, { noun: vmSnapshots, operation: "create-vm-snapshot", body }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );
};

/** Idempotent. */
export const deleteVmSnapshots = async (
  tower: CloudTower,
  ids: readonly string[],
  call?: StorageCall,
): Promise<void> => {
  if (ids.length > 0) await deleted(tower, "delete-vm-snapshot", whereIds(ids), call);
};
