import type { StorageCall } from "../../call.ts";
import { listExports, listInodes, pathOf } from "../cloud-tower/nouns/nfs.ts";
import type { FileVolume } from "../ssh/files.ts";
import type { FoundCluster } from "./found.ts";
import { stripedAs } from "./striped.ts";
import type { WhichCluster } from "./which.ts";

/** Exports, and the directories and files that lie in them. */
export const findFiles = async (
  { tower, clusterId, extentBytes, fileVolumes }: WhichCluster,
  call?: StorageCall,
): Promise<Pick<FoundCluster, "exports" | "directories" | "files">> => {
  const exports = (await listExports(tower, clusterId, call)).filter(({ isInternal }) => !isInternal);
  if (exports.length === 0) return { exports: [], directories: [], files: [] };
  const all = await listInodes(tower, clusterId, call);
  const byId = new Map(all.map((inode) => [inode.localId, inode]));
  const names = new Map(exports.map(({ id, name }) => [id, name]));
  const inodes = all.flatMap((inode) => {
    const name = names.get(inode.export.id);
    return name === undefined ? [] : [{ inode, place: { export: name, path: pathOf(inode, byId) } }];
  });
  const files = inodes.filter(({ inode }) => inode.isFile && inode.sizeBytes > 0);
  const volumes = await fileVolumes?.of(
    files.map(({ inode }) => inode.localId),
    call,
  );
  return {
    exports: exports.map((one) => ({
      name: one.name,
      settings: {
        ...(one.description !== "" && { description: one.description }),
        ...(one.ipWhitelist !== "*/*" && one.ipWhitelist !== "*" && { ipWhitelist: one.ipWhitelist }),
        ...{ replicaNum: one.replicas, thinProvision: one.thin },
      },
    })),
    directories: inodes.filter(({ inode }) => !inode.isFile).map(({ place }) => place),
    files: files.map(({ inode: { localId: id, id: inode, sizeBytes, labels }, place }) => {
      const volume = volumes?.get(id);
      return { id, inode, sizeBytes, labels, ...place, volume: volume && asFound(volume, extentBytes) };
    }),
  };
};

const asFound = ({ zbsVolumeId, stripeCount, stripeBytes }: FileVolume, extentBytes: number) => ({
  zbsVolumeId,
  geometry: stripedAs({ stripeCount, stripeBytes }, extentBytes),
});
