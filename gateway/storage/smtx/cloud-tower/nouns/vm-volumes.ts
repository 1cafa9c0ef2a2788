import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
  byIds,
  changed,
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

const vmVolumes: Noun<TowerVmVolume> = {
  list: "get-vm-volumes",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), description: z.string().nullish() },
      ...{ size: z.number(), sharing: z.boolean(), mounting: z.boolean(), lun: refSchema.nullish() },
      ...{ elf_storage_policy: z.string(), labels: labelsSchema, entityAsyncStatus: settledSchema },
    })
    .transform((volume) => ({
      ...{ id: volume.id, localId: volume.local_id, name: volume.name, description: volume.description ?? "" },
      ...{ sizeBytes: volume.size, isShared: volume.sharing, isMounted: volume.mounting },
      ...{ lun: volume.lun ?? undefined, policy: volume.elf_storage_policy },
      ...{ labels: volume.labels, isSettled: volume.entityAsyncStatus },
    })),
};

export interface TowerVmVolume {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly description: string;
  readonly sizeBytes: number;
  /** Several VMs may have it. */
  readonly isShared: boolean;
  readonly isMounted: boolean;
  /** In a target of the cluster's own. CloudTower does not always say. */
  readonly lun: { readonly id: string; readonly name: string } | undefined;
  /** `REPLICA_2_THIN_PROVISION` */
  readonly policy: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly isSettled: boolean;
}

export interface NewVmVolume {
  readonly clusterId: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly policy: string;
  readonly isShared?: boolean;
}

export const listVmVolumes = inCluster(vmVolumes);

export const findVmVolumes = byIds(vmVolumes);

/** By the cluster's own ids. */
export const findVmVolumesByLocalId = (
  tower: CloudTower,
  { clusterId, localIds }: { readonly clusterId: string; readonly localIds: readonly string[] },
  call?: StorageCall,
) =>
  localIds.length === 0
    ? Promise.resolve([])
    : listOf(tower, vmVolumes, { cluster: { id: clusterId }, local_id_in: localIds }, call);

export const findNamedVmVolume = (
  tower: CloudTower,
  { clusterId, name }: { readonly clusterId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, vmVolumes, { cluster: { id: clusterId }, name }, call);

/** Looks for one of that name first, since making it twice makes two. */
export const ensureVmVolume = (tower: CloudTower, wanted: NewVmVolume, call?: StorageCall): Promise<TowerVmVolume> => {
  const { clusterId, name, sizeBytes, policy, isShared = false } = wanted;
  const volume = { cluster_id: clusterId, name, size: sizeBytes, size_unit: "B", sharing: isShared };
  const body = [{ ...volume, elf_storage_policy: policy }];
  return ensured(tower, { clusterId, name, operation: "create-vm-volume", body }, call);
};

/** A volume that begins as a snapshot of one. Looks for one of that name first. */
export const ensureRebuiltVmVolume = (
  tower: CloudTower,
  wanted: {
    readonly clusterId: string;
    readonly name: string;
    readonly description: string;
    readonly snapshotId: string;
  },
  call?: StorageCall,
): Promise<TowerVmVolume> => {
  const { clusterId, name, description, snapshotId } = wanted;
  const body = [{ name, description, volume_snapshot_id: snapshotId }];
  return ensured(tower, { clusterId, name, operation: "rebuild-vm-volume", body }, call);
};

const ensured = (
  tower: CloudTower,
  of: { readonly clusterId: string; readonly name: string; readonly operation: string; readonly body: object },
  call?: StorageCall,
): Promise<TowerVmVolume> => {
  const { operation, body } = of;
  return tower.ensure(
    {
      what: `the virtual volume “${of.name}”`,
      find: (watch) => findNamedVmVolume(tower, of, watch),
      create: (watch) => made(tower, { noun: vmVolumes, operation, body }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );
};

/** What is not said stays. It never shrinks. */
export const updateVmVolume = (
  tower: CloudTower,
  id: string,
  change: { readonly name?: string; readonly description?: string; readonly sizeBytes?: number },
  call?: StorageCall,
): Promise<void> => {
  const { sizeBytes, ...rest } = change;
  const data = { ...rest, ...(sizeBytes !== undefined && { size: sizeBytes, size_unit: "B" }) };
  return changed(tower, "update-vm-volume", { ...whereId(id), data }, call);
};

/** Idempotent. */
export const deleteVmVolume = (
  tower: CloudTower,
  id: string,
  { withSnapshots }: { readonly withSnapshots: boolean },
  call?: StorageCall,
): Promise<void> =>
  deleted(tower, "delete-vm-volume", { ...whereId(id), effect: { include_snapshots: withSnapshots } }, call);

/** The volume becomes what its snapshot has. */
export const rollbackVmVolume = (tower: CloudTower, snapshotId: string, call?: StorageCall): Promise<void> =>
  changed(tower, "rollback-vm-volume", [{ volume_snapshot_id: snapshotId }], call);
