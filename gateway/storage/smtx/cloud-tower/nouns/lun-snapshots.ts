import { z } from "zod";
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

const lunSnapshots: Noun<TowerLunSnapshot> = {
  list: "get-iscsi-lun-snapshots",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), local_created_at: z.string() },
      ...{ iscsi_lun: refSchema.nullish(), iscsi_target: refSchema, unique_size: z.number() },
      ...{ consistency_group_snapshot: refSchema.nullish(), entityAsyncStatus: settledSchema },
    })
    .transform((snapshot) => ({
      ...{ id: snapshot.id, zbsVolumeId: snapshot.local_id, name: snapshot.name },
      ...{ createdAt: snapshot.local_created_at, lun: snapshot.iscsi_lun ?? undefined },
      ...{ target: snapshot.iscsi_target, uniqueBytes: snapshot.unique_size },
      groupSnapshot: snapshot.consistency_group_snapshot ?? undefined,
      isSettled: snapshot.entityAsyncStatus,
    })),
};

export interface TowerLunSnapshot {
  readonly id: string;
  /** A snapshot is a volume too: by this the nodes' command line shows its extents. */
  readonly zbsVolumeId: string;
  readonly name: string;
  readonly createdAt: string;
  /** Undefined when it was deleted since. */
  readonly lun: { readonly id: string; readonly name: string } | undefined;
  readonly target: { readonly id: string; readonly name: string };
  readonly uniqueBytes: number;
  /** The snapshot of a consistency group that it is of. */
  readonly groupSnapshot: { readonly id: string; readonly name: string } | undefined;
  readonly isSettled: boolean;
}

export const listLunSnapshots = (tower: CloudTower, clusterId: string, call?: StorageCall) =>
  listOf(tower, lunSnapshots, { iscsi_target: { cluster: { id: clusterId } } }, call);

/** Those whose names begin so. */
export const listNamedLunSnapshots = (
  tower: CloudTower,
  { clusterId, prefix }: { readonly clusterId: string; readonly prefix: string },
  call?: StorageCall,
) => listOf(tower, lunSnapshots, { iscsi_target: { cluster: { id: clusterId } }, name_starts_with: prefix }, call);

export const findLunSnapshots = byIds(lunSnapshots);

/** The snapshot of a LUN that has this name. */
export const findNamedLunSnapshot = (
  tower: CloudTower,
  { lunId, name }: { readonly lunId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, lunSnapshots, { iscsi_lun: whereId(lunId).where, name }, call);

/**
 * By its name on a cluster, whatever it is of: a snapshot of a VM's disk gives the name of the LUN
 * snapshot that has its content (`snapshot_local_id`).
 */
export const findLunSnapshotNamed = (
  tower: CloudTower,
  { clusterId, name }: { readonly clusterId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, lunSnapshots, { iscsi_target: { cluster: { id: clusterId } }, name }, call);

/** By the volume that it is on the cluster: the command line makes some. */
export const findLunSnapshotsByVolume = (
  tower: CloudTower,
  { clusterId, zbsVolumeIds }: { readonly clusterId: string; readonly zbsVolumeIds: readonly string[] },
  call?: StorageCall,
) =>
  zbsVolumeIds.length === 0
    ? Promise.resolve([])
    : listOf(tower, lunSnapshots, { iscsi_target: { cluster: { id: clusterId } }, local_id_in: zbsVolumeIds }, call);

export interface NewLunSnapshot {
  readonly lunId: string;
  readonly targetId: string;
  readonly name: string;
}

/** Looks for one of that name of the LUN first, since making it twice makes two. */
export const ensureLunSnapshot = (
  tower: CloudTower,
  wanted: NewLunSnapshot,
  call?: StorageCall,
): Promise<TowerLunSnapshot> =>
  tower.ensure(
    {
      what: `the snapshot “${wanted.name}”`,
      find: (watch) => findNamedLunSnapshot(tower, wanted, watch),
      create: (watch) => createLunSnapshot(tower, wanted, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );

const createLunSnapshot = (tower: CloudTower, { lunId, targetId, name }: NewLunSnapshot, call?: StorageCall) => {
  const body = [{ iscsi_lun_id: lunId, iscsi_target_id: targetId, name }];
  return made(tower, { noun: lunSnapshots, operation: "create-iscsi-lun-snapshot", body }, call);
};

/** Idempotent. */
export const deleteLunSnapshots = async (
  tower: CloudTower,
  ids: readonly string[],
  call?: StorageCall,
): Promise<void> => {
  if (ids.length > 0) await deleted(tower, "delete-iscsi-lun-snapshot", whereIds(ids), call);
};
