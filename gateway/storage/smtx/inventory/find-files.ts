import type { StorageCall } from "../../call.ts";
import { listExports, listInodes, type TowerInode } from "../cloud-tower/nouns/nfs.ts";
import type { FoundCluster } from "./found.ts";
import type { WhichCluster } from "./which.ts";

/** Exports and the files that lie in them. */
export const findFiles = async (
  { tower, clusterId, extentBytes }: WhichCluster,
  call?: StorageCall,
): Promise<Pick<FoundCluster, "exports" | "files">> => {
  const exports = (await listExports(tower, clusterId, call)).filter(({ isInternal }) => !isInternal);
  if (exports.length === 0) return { exports: [], files: [] };
  const inodes = await listInodes(tower, clusterId, call);
  const byId = new Map(inodes.map((inode) => [inode.localId, inode]));
  const names = new Map(exports.map(({ id, name }) => [id, name]));
  const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
  return {
    exports: exports.map((one) => ({
      name: one.name,
      settings: {
        ...(one.description !== "" && { description: one.description }),
        ...(one.ipWhitelist !== "*/*" && one.ipWhitelist !== "*" && { ipWhitelist: one.ipWhitelist }),
        ...{ replicaNum: one.replicas, thinProvision: one.thin },
      },
    })),
    files: inodes.flatMap((inode) => {
      const name = names.get(inode.export.id);
      if (!inode.isFile || name === undefined || inode.sizeBytes === 0) return [];
      const { localId: id, sizeBytes, labels } = inode;
      return [{ id, sizeBytes, labels, geometry, export: name, path: pathOf(inode, byId) }];
    }),
  };
};

const depthMax = 64;

const pathOf = (inode: TowerInode, byId: ReadonlyMap<string, TowerInode>): string => {
  const parts = [inode.name];
  for (let at = byId.get(inode.parentId); at !== undefined && parts.length < depthMax; at = byId.get(at.parentId)) {
    parts.unshift(at.name);
  }
  return parts.join("/");
};
