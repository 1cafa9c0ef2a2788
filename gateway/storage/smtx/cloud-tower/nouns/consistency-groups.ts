import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
  byName,
  changed,
  deleted,
  firstOf,
  inCluster,
  listOf,
  made,
  type Noun,
  refSchema,
  settledSchema,
  whereId,
} from "./noun.ts";

const groups: Noun<TowerConsistencyGroup> = {
  list: "get-consistency-groups",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), iscsi_luns: z.array(refSchema).nullish() },
      ...{ local_created_at: z.string(), entityAsyncStatus: settledSchema },
    })
    .transform((group) => ({
      ...{ id: group.id, localId: group.local_id, name: group.name, luns: group.iscsi_luns ?? [] },
      ...{ createdAt: group.local_created_at, isSettled: group.entityAsyncStatus },
    })),
};

export interface TowerConsistencyGroup {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly luns: readonly { readonly id: string; readonly name: string }[];
  readonly createdAt: string;
  readonly isSettled: boolean;
}

export const listConsistencyGroups = inCluster(groups);

export const findConsistencyGroup = byName(groups);

export interface NewConsistencyGroup {
  readonly clusterId: string;
  readonly name: string;
  readonly description?: string;
  /** None of them may be in another one. */
  readonly lunIds: readonly string[];
}

/** Looks for one of that name first, since making it twice makes two. */
export const ensureConsistencyGroup = (
  tower: CloudTower,
  wanted: NewConsistencyGroup,
  call?: StorageCall,
): Promise<TowerConsistencyGroup> =>
  tower.ensure(
    {
      what: `the consistency group “${wanted.name}”`,
      find: (watch) => findConsistencyGroup(tower, wanted, watch),
      create: (watch) => createGroup(tower, wanted, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );

const createGroup = (tower: CloudTower, wanted: NewConsistencyGroup, call?: StorageCall) => {
  const { clusterId, name, description, lunIds } = wanted;
  const group = { cluster_id: clusterId, name, iscsi_luns_ids: lunIds, namespaces_ids: [] };
  const body = [{ ...group, ...(description !== undefined && { description }) }];
  return made(tower, { noun: groups, operation: "create-consistency-group", body }, call);
};

/** The snapshots of its LUNs stay. Idempotent. */
export const deleteConsistencyGroup = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  deleted(tower, "delete-consistency-group", { ...whereId(id), data: { remain_volume_snapshot: true } }, call);

const groupSnapshots: Noun<TowerGroupSnapshot> = {
  list: "get-consistency-group-snapshots",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), local_created_at: z.string() },
      ...{ consistency_group: refSchema.nullish(), Iscsi_lun_snapshots: z.array(refSchema).nullish() },
      entityAsyncStatus: settledSchema,
    })
    .transform((snapshot) => ({
      ...{ id: snapshot.id, localId: snapshot.local_id, name: snapshot.name },
      ...{ createdAt: snapshot.local_created_at, group: snapshot.consistency_group ?? undefined },
      ...{ lunSnapshots: snapshot.Iscsi_lun_snapshots ?? [], isSettled: snapshot.entityAsyncStatus },
    })),
};

export interface TowerGroupSnapshot {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly createdAt: string;
  /** Undefined when it was deleted since. */
  readonly group: { readonly id: string; readonly name: string } | undefined;
  readonly lunSnapshots: readonly { readonly id: string; readonly name: string }[];
  readonly isSettled: boolean;
}

export const findGroupSnapshot = (
  tower: CloudTower,
  { groupId, name }: { readonly groupId: string; readonly name: string },
  call?: StorageCall,
) => firstOf(tower, groupSnapshots, { consistency_group: whereId(groupId).where, name }, call);

export const listGroupSnapshots = (tower: CloudTower, groupId: string, call?: StorageCall) =>
  listOf(tower, groupSnapshots, { consistency_group: whereId(groupId).where }, call);

/** Those whose names begin so, of whatever cluster: a group that is gone does not say of which. */
export const listNamedGroupSnapshots = (tower: CloudTower, prefix: string, call?: StorageCall) =>
  listOf(tower, groupSnapshots, { name_starts_with: prefix }, call);

/** One of all LUNs of a group, in one instant. Looks for one of that name of the group first. */
export const ensureGroupSnapshot = (
  tower: CloudTower,
  wanted: { readonly groupId: string; readonly name: string },
  call?: StorageCall,
): Promise<TowerGroupSnapshot> => {
  const body = [{ consistency_group_id: wanted.groupId, name: wanted.name }];
  return tower.ensure(
    {
      what: `the snapshot “${wanted.name}”`,
      find: (watch) => findGroupSnapshot(tower, wanted, watch),
      create: (watch) =>
        made(tower, { noun: groupSnapshots, operation: "create-consistency-snapshot-group", body }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );
};

/** The LUNs of the group become what they were. Nobody may use them meanwhile. */
export const rollbackGroupSnapshot = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  changed(tower, "rollback-consistency-snapshot-group", whereId(id), call);

/** The LUNs' own snapshots stay unless `withLunSnapshots`. Idempotent. */
export const deleteGroupSnapshot = (
  tower: CloudTower,
  id: string,
  { withLunSnapshots }: { readonly withLunSnapshots: boolean },
  call?: StorageCall,
): Promise<void> => {
  const data = { remain_volume_snapshot: !withLunSnapshots };
  return deleted(tower, "delete-consistency-snapshot-group", { ...whereId(id), data }, call);
};
