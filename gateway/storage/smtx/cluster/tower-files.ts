import { VisibleError } from "../../../../core/api/errors.ts";
import type { FilePlace } from "../../../../core/object/file-place.ts";
import type { StorageCall } from "../../call.ts";
import { ensureExport, listExports, listInodesOfExport, pathOf, type TowerExport } from "../cloud-tower/nouns/nfs.ts";
import { deleteFile, fileFromLun, rollbackFile, showFile } from "../ssh/files.ts";
import type { SshRunner } from "../ssh/runner.ts";
import { noDirectory } from "./directories.ts";
import type { FileRef, FileWish } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";

/* NFS files, which the nodes' command line alone makes, and which CloudTower lists. */

type Of = Pick<TowerHandsOptions, "tower" | "ssh" | "clusterId" | "replicas">;
type OfShell = Of & { readonly ssh: SshRunner };

export const makeFile = async (of: Of, wish: FileWish, call?: StorageCall): Promise<FileRef> => {
  const shell = withShell(of);
  const { tower, clusterId, replicas, ssh } = shell;
  const { settings, zbsVolumeId } = wish;
  const nfsExport = await ensureExport(
    tower,
    {
      ...{ clusterId, name: wish.export, replicas: settings.replicaNum ?? replicas },
      thin: settings.thinProvision ?? true,
      ...(settings.ipWhitelist !== undefined && { ipWhitelist: settings.ipWhitelist }),
    },
    call,
  );
  const names = wish.path.split("/");
  const name = names.pop() ?? "";
  const parentId = await directoryOf(shell, nfsExport, { export: wish.export, path: names.join("/") }, call);
  const file = await tower.ensure(
    {
      what: `the file “/exports/${wish.export}/${wish.path}”`,
      find: (watch) => fileAt(shell, nfsExport, wish.path, watch),
      create: (watch) => fileFromLun(ssh, { parentId, name, lunUuid: zbsVolumeId }, watch),
    },
    call,
  );
  const shown = await showFile(ssh, file.localId, call);
  if (shown.zbsVolumeId !== zbsVolumeId) throw taken(wish);
  return { inode: file.id, inodeId: file.localId, zbsVolumeId };
};

export const rollBackFile = async (
  of: Of,
  { inodeId, zbsSnapshot }: { readonly inodeId: string; readonly zbsSnapshot: string },
  call?: StorageCall,
): Promise<void> => rollbackFile(withShell(of).ssh, { inodeId, snapshotId: zbsSnapshot }, call);

/** What was to be a file, and is a LUN still, is none: it is left alone. */
export const removeFile = async (of: Of, file: FileRef | FileWish, call?: StorageCall): Promise<void> => {
  const shell = withShell(of);
  if ("inodeId" in file) return deleteFile(shell.ssh, file.inodeId, call);
  const exports = await listExports(shell.tower, shell.clusterId, call);
  const nfsExport = exports.find(({ name }) => name === file.export);
  const there = nfsExport && (await fileAt(shell, nfsExport, file.path, call));
  if (there === undefined) return;
  const { zbsVolumeId } = await showFile(shell.ssh, there.localId, call);
  if (zbsVolumeId === file.zbsVolumeId) await deleteFile(shell.ssh, there.localId, call);
};

const fileAt = async ({ tower }: Of, { id }: TowerExport, path: string, call: StorageCall | undefined) => {
  const inodes = await listInodesOfExport(tower, id, call);
  const byId = new Map(inodes.map((inode) => [inode.localId, inode]));
  return inodes.find((inode) => inode.isFile && pathOf(inode, byId) === path);
};

/** @returns the id of its inode. @throws DIRECTORY_UNKNOWN */
const directoryOf = async (
  { tower }: Of,
  { id, rootInodeId }: TowerExport,
  place: FilePlace,
  call: StorageCall | undefined,
): Promise<string> => {
  if (place.path === "") return rootInodeId;
  const inodes = await listInodesOfExport(tower, id, call);
  const byId = new Map(inodes.map((inode) => [inode.localId, inode]));
  const there = inodes.find((inode) => !inode.isFile && pathOf(inode, byId) === place.path);
  if (there === undefined) throw noDirectory(place);
  return there.localId;
};

const withShell = (of: Of): OfShell => {
  const { ssh } = of;
  if (ssh !== undefined) return { ...of, ssh };
  throw noShellForFiles();
};

/** CloudTower alone neither snapshots files nor makes them. */
export const noShellForFiles = (): VisibleError =>
  new VisibleError("OBJECT_KIND_UNSUPPORTED", "CloudTower alone makes no files.", {
    hint: "Let the gateway use the nodes' command line: storage.ssh in its configuration.",
  });

const taken = (place: FilePlace): VisibleError =>
  new VisibleError("OBJECT_NAME_TAKEN", `There is another file /exports/${place.export}/${place.path} already.`, {
    hint: "Choose another path, or delete what is there first.",
  });
