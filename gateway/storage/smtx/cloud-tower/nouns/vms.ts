import { z } from "zod";
import { firmwareSchema, powerStateSchema } from "../../../../../core/api/object/vm.ts";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
  byId,
  byIds,
  deleted,
  firstOf,
  inCluster,
  labelsSchema,
  listOf,
  made,
  type Noun,
  refSchema,
  settledSchema,
  whereId,
} from "./noun.ts";
import { type NewVm, newDiskOf, newNicOf } from "./vm-parts.ts";

const vms: Noun<TowerVm> = {
  list: "get-vms",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), description: z.string() },
      ...{ status: z.string(), vcpu: z.number(), cpu: z.object({ cores: z.number(), sockets: z.number() }) },
      ...{ memory: z.number(), firmware: firmwareSchema, ha: z.boolean(), ha_priority: z.string().nullish() },
      ...{
        in_recycle_bin: z.boolean(),
        internal: z.boolean(),
        vm_tools_status: z.string(),
        folder: refSchema.nullish(),
      },
      ...{ labels: labelsSchema, entityAsyncStatus: settledSchema },
    })
    .transform((vm) => ({
      ...{ id: vm.id, localId: vm.local_id, name: vm.name, description: vm.description },
      ...{ status: powerStateSchema.catch("UNKNOWN").parse(vm.status), vcpu: vm.vcpu, cpu: vm.cpu },
      ...{ memoryBytes: vm.memory, firmware: vm.firmware, ha: vm.ha },
      isGone: vm.in_recycle_bin || vm.status === "DELETED",
      ...{ isInternal: vm.internal, toolsStatus: vm.vm_tools_status, folder: vm.folder ?? undefined },
      ...{ labels: vm.labels, isSettled: vm.entityAsyncStatus },
    })),
};

export interface TowerVm {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly description: string;
  readonly status: z.infer<typeof powerStateSchema>;
  readonly vcpu: number;
  readonly cpu: { readonly cores: number; readonly sockets: number };
  readonly memoryBytes: number;
  readonly firmware: z.infer<typeof firmwareSchema>;
  readonly ha: boolean;
  /** It is in the recycle bin, and what it has is not to be protected. */
  readonly isGone: boolean;
  readonly isInternal: boolean;
  /** `RUNNING` when the guest's tools answer. */
  readonly toolsStatus: string;
  readonly folder: { readonly id: string; readonly name: string } | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly isSettled: boolean;
}

export const listVms = inCluster(vms);

export const findVms = byIds(vms);

export const findVm = byId(vms);

/** By the cluster's own ids. */
export const findVmsByLocalId = (
  tower: CloudTower,
  { clusterId, localIds }: { readonly clusterId: string; readonly localIds: readonly string[] },
  call?: StorageCall,
) =>
  localIds.length === 0
    ? Promise.resolve([])
    : listOf(tower, vms, { cluster: { id: clusterId }, local_id_in: localIds }, call);

export const findNamedVm = (
  tower: CloudTower,
  { clusterId, name }: { readonly clusterId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, vms, { cluster: { id: clusterId }, name, in_recycle_bin: false }, call);

/** Switched off. Looks for one of that name first, since making it twice makes two. */
export const ensureVm = (tower: CloudTower, wanted: NewVm, call?: StorageCall): Promise<TowerVm> =>
  tower.ensure(
    {
      what: `the VM “${wanted.name}”`,
      find: (watch) => findNamedVm(tower, wanted, watch),
      create: (watch) => made(tower, { noun: vms, operation: "create-vm", body: [bodyOf(wanted)] }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );

const bodyOf = (wanted: NewVm) => ({
  ...{ cluster_id: wanted.clusterId, name: wanted.name, status: "STOPPED" },
  ...(wanted.description !== undefined && { description: wanted.description }),
  ...{ vcpu: wanted.vcpu, cpu_cores: wanted.cpu.cores, cpu_sockets: wanted.cpu.sockets },
  ...{ memory: wanted.memoryBytes, memory_unit: "B", firmware: wanted.firmware, ha: wanted.ha },
  ...(wanted.folderId !== undefined && { folder_id: wanted.folderId }),
  vm_nics: wanted.nics.map(newNicOf),
  vm_disks: wanted.disks.length === 0 ? {} : { mount_disks: wanted.disks.map(newDiskOf) },
});

/** Into the recycle bin, where the cluster has one. Idempotent. */
export const deleteVm = (
  tower: CloudTower,
  id: string,
  { withSnapshots }: { readonly withSnapshots: boolean },
  call?: StorageCall,
): Promise<void> => deleted(tower, "delete-vm", { ...whereId(id), effect: { include_snapshots: withSnapshots } }, call);
