import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
  byId,
  byIds,
  changed,
  deleted,
  firstOf,
  labelsSchema,
  listOf,
  made,
  type Noun,
  refSchema,
  settledSchema,
  whereId,
  whereIds,
} from "./noun.ts";

const luns: Noun<TowerLun> = {
  list: "get-iscsi-luns",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), lun_id: z.number(), zbs_volume_id: z.string() },
      ...{ assigned_size: z.number(), unique_size: z.number(), allowed_initiators: z.string() },
      ...{ iscsi_target: refSchema, consistency_group: refSchema.nullish() },
      ...{ replica_num: z.number(), thin_provision: z.boolean(), stripe_num: z.number(), stripe_size: z.number() },
      ...{ labels: labelsSchema, entityAsyncStatus: settledSchema },
    })
    .transform((lun) => ({
      ...{ id: lun.id, localId: lun.local_id, name: lun.name, lunId: lun.lun_id, zbsVolumeId: lun.zbs_volume_id },
      ...{ sizeBytes: lun.assigned_size, uniqueBytes: lun.unique_size, allowedInitiators: lun.allowed_initiators },
      ...{ target: lun.iscsi_target, consistencyGroup: lun.consistency_group ?? undefined },
      ...{ replicas: lun.replica_num, thin: lun.thin_provision },
      ...{ stripeCount: lun.stripe_num, stripeBytes: lun.stripe_size },
      ...{ labels: lun.labels, isSettled: lun.entityAsyncStatus },
    })),
};

export interface TowerLun {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly lunId: number;
  /** By which the nodes' command line knows it. */
  readonly zbsVolumeId: string;
  readonly sizeBytes: number;
  /** What nothing else shares; it may be minutes old. */
  readonly uniqueBytes: number;
  readonly allowedInitiators: string;
  readonly target: { readonly id: string; readonly name: string };
  /** A LUN is in one at most. */
  readonly consistencyGroup: { readonly id: string; readonly name: string } | undefined;
  readonly replicas: number;
  readonly thin: boolean;
  readonly stripeCount: number;
  readonly stripeBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly isSettled: boolean;
}

export interface NewLun {
  readonly targetId: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly replicas: number;
  readonly thin?: boolean;
  /** The lowest free one unless told otherwise. */
  readonly lunId?: number;
  readonly allowedInitiators?: string;
}

export const listLuns = (tower: CloudTower, clusterId: string, call?: StorageCall) =>
  listOf(tower, luns, { iscsi_target: { cluster: { id: clusterId } } }, call);

export const listLunsOfTarget = (tower: CloudTower, targetId: string, call?: StorageCall) =>
  listOf(tower, luns, { iscsi_target: whereId(targetId).where }, call);

export const findLuns = byIds(luns);

export const findLun = byId(luns);

/** The one of that name in a target. */
export const findNamedLun = (
  tower: CloudTower,
  { targetId, name }: { readonly targetId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, luns, { iscsi_target: whereId(targetId).where, name }, call);

/** By its id on the cluster, or by that of its volume there. */
export const findLunByVolume = (
  tower: CloudTower,
  of: { readonly clusterId: string; readonly zbsVolumeId: string },
  call?: StorageCall,
) => firstOf(tower, luns, { iscsi_target: { cluster: { id: of.clusterId } }, zbs_volume_id: of.zbsVolumeId }, call);

/** Looks for one of that name in the target first, since making it twice makes two. */
export const ensureLun = (tower: CloudTower, wanted: NewLun, call?: StorageCall): Promise<TowerLun> =>
  tower.ensure(
    {
      what: `the LUN “${wanted.name}”`,
      find: (watch) => findNamedLun(tower, wanted, watch),
      create: (watch) => createLuns(tower, [wanted], watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );

/** All in one request, without looking. @throws what `CloudTower.change` does */
export const createLuns = (
  tower: CloudTower,
  wanted: readonly NewLun[],
  call?: StorageCall,
): Promise<readonly TowerLun[]> => {
  const body = wanted.map(({ targetId, name, sizeBytes, replicas, thin = true, lunId, allowedInitiators }) => ({
    ...{ iscsi_target_id: targetId, name, replica_num: replicas, thin_provision: thin },
    ...{ assigned_size: sizeBytes, assigned_size_unit: "B" },
    ...(lunId !== undefined && { lun_id: lunId }),
    ...(allowedInitiators !== undefined && { allowed_initiators: allowedInitiators }),
  }));
  return made(tower, { noun: luns, operation: "create-iscsi-lun", body }, call);
};

/** A LUN never shrinks. What is not said stays. */
export const updateLun = (
  tower: CloudTower,
  id: string,
  change: { readonly name?: string; readonly sizeBytes?: number; readonly allowedInitiators?: string },
  call?: StorageCall,
): Promise<void> => {
  const { name, sizeBytes, allowedInitiators } = change;
  const data = {
    ...(name !== undefined && { name }),
    ...(sizeBytes !== undefined && { assigned_size: sizeBytes, assigned_size_unit: "B" }),
    ...(allowedInitiators !== undefined && { allowed_initiators: allowedInitiators }),
  };
  return changed(tower, "update-iscsi-lun", { ...whereId(id), data }, call);
};

/** Its snapshots stay unless `withSnapshots`. Idempotent. */
export const deleteLuns = async (
  tower: CloudTower,
  ids: readonly string[],
  { withSnapshots }: { readonly withSnapshots: boolean },
  call?: StorageCall,
): Promise<void> => {
  if (ids.length === 0) return;
  await deleted(tower, "delete-iscsi-lun", { ...whereIds(ids), data: { remove_snapshot: withSnapshots } }, call);
};

export interface LunClone {
  readonly snapshotId: string;
  readonly targetId: string;
  readonly name: string;
}

/**
 * A LUN that begins as a snapshot; which LUN id it gets can't be chosen. Looks for one of that name
 * in the target first.
 */
export const ensureLunClone = (tower: CloudTower, wanted: LunClone, call?: StorageCall): Promise<TowerLun> => {
  const { snapshotId, targetId, name } = wanted;
  const body = [{ snapshot_id: snapshotId, iscsi_target_id: targetId, name }];
  return tower.ensure(
    {
      what: `the LUN “${name}”`,
      find: (watch) => findNamedLun(tower, wanted, watch),
      create: (watch) => made(tower, { noun: luns, operation: "clone-iscsi-lun-from-snapshot", body }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );
};

/** The LUN becomes what the snapshot has. Nobody may use it meanwhile. Idempotent. */
export const rollbackLun = (
  tower: CloudTower,
  { lunId, snapshotId }: { readonly lunId: string; readonly snapshotId: string },
  call?: StorageCall,
): Promise<void> =>
  changed(tower, "rollback-iscsi-lun-from-snapshot", [{ lun_id: lunId, snapshot_id: snapshotId }], call);
