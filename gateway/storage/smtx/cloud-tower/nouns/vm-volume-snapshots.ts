import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { deleted, firstOf, inCluster, made, type Noun, refSchema, settledSchema, whereId, whereIds } from "./noun.ts";

const vmVolumeSnapshots: Noun<TowerVmVolumeSnapshot> = {
  list: "get-vm-volume-snapshots",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), local_created_at: z.string() },
      ...{ vm_volume: refSchema.nullish(), zbs_snapshot_uuid: z.string().nullish(), size: z.number().nullish() },
      ...{ volume_size: z.number().nullish(), entityAsyncStatus: settledSchema },
    })
    .transform((snapshot) => ({
      ...{ id: snapshot.id, localId: snapshot.local_id, name: snapshot.name, createdAt: snapshot.local_created_at },
      ...{ volume: snapshot.vm_volume ?? undefined, zbsSnapshotId: snapshot.zbs_snapshot_uuid || undefined },
      ...{ sizeBytes: snapshot.volume_size ?? snapshot.size ?? undefined, isSettled: snapshot.entityAsyncStatus },
    })),
};

export interface TowerVmVolumeSnapshot {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly createdAt: string;
  /** Undefined when it was deleted since. */
  readonly volume: { readonly id: string; readonly name: string } | undefined;
  /** What the cluster's command line knows it by, where CloudTower says. */
  readonly zbsSnapshotId: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly isSettled: boolean;
}

export const listVmVolumeSnapshots = inCluster(vmVolumeSnapshots);

export const findNamedVmVolumeSnapshot = (
  tower: CloudTower,
  { volumeId, name }: { readonly volumeId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, vmVolumeSnapshots, { vm_volume: whereId(volumeId).where, name }, call);

/** That whose content a LUN's snapshot has, which is called by its id. */
export const findVmVolumeSnapshotOf = (
  tower: CloudTower,
  of: { readonly clusterId: string; readonly lunSnapshotName: string },
  call?: StorageCall,
) => firstOf(tower, vmVolumeSnapshots, { cluster: { id: of.clusterId }, local_id: of.lunSnapshotName }, call);

/** Looks for one of that name of the volume first. */
export const ensureVmVolumeSnapshot = (
  tower: CloudTower,
  wanted: { readonly volumeId: string; readonly name: string; readonly description: string },
  call?: StorageCall,
): Promise<TowerVmVolumeSnapshot> => {
  const { volumeId: volume_id, name, description } = wanted;
  const body = [{ volume_id, name, description }];
  return tower.ensure(
    {
      what: `the snapshot “${name}”`,
      find: (watch) => findNamedVmVolumeSnapshot(tower, wanted, watch),
      create: (watch) => made(tower, { noun: vmVolumeSnapshots, operation: "create-vm-volume-snapshot", body }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );
};

/** Idempotent. */
export const deleteVmVolumeSnapshots = async (
  tower: CloudTower,
  ids: readonly string[],
  call?: StorageCall,
): Promise<void> => {
  if (ids.length > 0) await deleted(tower, "delete-vm-volume-snapshot", whereIds(ids), call);
};
