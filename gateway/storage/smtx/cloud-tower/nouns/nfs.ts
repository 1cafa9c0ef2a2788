import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import {
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

const exports: Noun<TowerExport> = {
  list: "get-nfs-exports",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), description: z.string() },
      ...{ export_inode_id: z.string(), ip_whitelist: z.string(), internal: z.boolean() },
      ...{ replica_num: z.number(), thin_provision: z.boolean(), entityAsyncStatus: settledSchema },
    })
    .transform((one) => ({
      ...{ id: one.id, localId: one.local_id, name: one.name, description: one.description },
      ...{ rootInodeId: one.export_inode_id, ipWhitelist: one.ip_whitelist, isInternal: one.internal },
      ...{ replicas: one.replica_num, thin: one.thin_provision, isSettled: one.entityAsyncStatus },
    })),
};

export interface TowerExport {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  readonly description: string;
  /** The `parentId` of what lies in it directly. */
  readonly rootInodeId: string;
  readonly ipWhitelist: string;
  readonly isInternal: boolean;
  readonly replicas: number;
  readonly thin: boolean;
  readonly isSettled: boolean;
}

export const listExports = inCluster(exports);

export interface NewExport {
  readonly clusterId: string;
  readonly name: string;
  readonly replicas: number;
  readonly thin: boolean;
  readonly ipWhitelist?: string;
}

/** Looks for one of that name first, since making it twice makes two. */
export const ensureExport = (tower: CloudTower, wanted: NewExport, call?: StorageCall): Promise<TowerExport> => {
  const { clusterId, name, replicas, thin, ipWhitelist } = wanted;
  const one = { cluster_id: clusterId, name, replica_num: replicas, thin_provision: thin };
  const body = [{ ...one, ...(ipWhitelist !== undefined && { ip_whitelist: ipWhitelist }) }];
  return tower.ensure(
    {
      what: `the NFS export “${name}”`,
      find: (watch) => firstOf(tower, exports, { cluster: { id: clusterId }, name }, watch),
      create: (watch) => made(tower, { noun: exports, operation: "create-nfs-export", body }, watch),
      isReady: ({ isSettled }) => isSettled,
    },
    call,
  );
};

/** Only an empty one can be deleted. Idempotent. */
export const deleteExport = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  deleted(tower, "delete-nfs-export", whereId(id), call);

const inodes: Noun<TowerInode> = {
  list: "get-nfs-inodes",
  schema: z
    .object({
      ...{ id: z.string(), local_id: z.string(), name: z.string(), file: z.boolean(), parent_id: z.string() },
      ...{ assigned_size: z.number(), unique_size: z.number(), nfs_export: refSchema, labels: labelsSchema },
      entityAsyncStatus: settledSchema,
    })
    .transform((inode) => ({
      ...{ id: inode.id, localId: inode.local_id, name: inode.name, isFile: inode.file, parentId: inode.parent_id },
      ...{ sizeBytes: inode.assigned_size, uniqueBytes: inode.unique_size, export: inode.nfs_export },
      ...{ labels: inode.labels, isSettled: inode.entityAsyncStatus },
    })),
};

export interface TowerInode {
  readonly id: string;
  readonly localId: string;
  readonly name: string;
  /** Else it is a directory. */
  readonly isFile: boolean;
  /** The directory's local id, or the export's root. */
  readonly parentId: string;
  readonly sizeBytes: number;
  readonly uniqueBytes: number;
  readonly export: { readonly id: string; readonly name: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly isSettled: boolean;
}

export const listInodes = (tower: CloudTower, clusterId: string, call?: StorageCall) =>
  listOf(tower, inodes, { nfs_export: { cluster: { id: clusterId } } }, call);

export const listInodesOfExport = (tower: CloudTower, exportId: string, call?: StorageCall) =>
  listOf(tower, inodes, { nfs_export: whereId(exportId).where }, call);

const depthMax = 64;

/** From the export on. */
export const pathOf = (inode: TowerInode, byId: ReadonlyMap<string, TowerInode>): string => {
  const parts = [inode.name];
  for (let at = byId.get(inode.parentId); at !== undefined && parts.length < depthMax; at = byId.get(at.parentId)) {
    parts.unshift(at.name);
  }
  return parts.join("/");
};
