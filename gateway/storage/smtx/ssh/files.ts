import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { fieldOf, notUnderstood, printedObjects, textOf } from "./printed.ts";
import type { SshRunner } from "./runner.ts";

/*
 * NFS files by the nodes' command line. CloudTower knows a file by its inode, which is called by
 * the first groups of its volume's id only. None of it was run on a cluster, and that an inode is
 * deleted so is a guess.
 */

/** Of a file's volume, what CloudTower does not say. */
export interface FileVolume {
  readonly zbsVolumeId: string;
  /** 0 or 1: it is not striped. */
  readonly stripeCount: number;
  readonly stripeBytes: number;
}

/** Which volume a file is, and how that is striped. @throws what `SshRunner.run` does */
export const showFile = async (ssh: SshRunner, inodeId: string, call?: StorageCall): Promise<FileVolume> => {
  const [inode] = printedObjects(await ssh.run({ words: ["zbs-nfs", "-f", "json", "inode", "show", inodeId] }, call));
  const zbsVolumeId = inode && textOf(inode, ["volume", "volumeid"]);
  if (zbsVolumeId === undefined) throw notUnderstood(`it tells of no volume of the file ${inodeId}`);
  const words = ["zbs-meta", "-f", "json", "volume", "show_by_id", zbsVolumeId];
  const [volume] = printedObjects(await ssh.run({ words }, call));
  const [stripeCount, stripeBytes] = [
    volume && fieldOf(volume, stripes.count),
    volume && fieldOf(volume, stripes.bytes),
  ];
  if (!isWhole(stripeCount) || !isWhole(stripeBytes)) {
    throw notUnderstood(`it does not tell how the volume ${zbsVolumeId} is striped`);
  }
  return { zbsVolumeId, stripeCount, stripeBytes };
};

const stripes = { count: ["stripenum"], bytes: ["stripesize"] };

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** Makes a LUN a file of a directory; it is no LUN any more. @param of.lunUuid its volume's id */
export const fileFromLun = async (
  ssh: SshRunner,
  of: { readonly parentId: string; readonly name: string; readonly lunUuid: string },
  call?: StorageCall,
): Promise<void> => {
  const words = ["zbs-nfs", "file", "convert_from_lun", of.parentId, of.name, of.lunUuid];
  await ssh.run({ words, isChange: true }, call);
};

/** Has the node say what it knows of that command. @throws CLUSTER_TASK_FAILED where it has none */
export const explainFileFromLun = async (ssh: SshRunner, call?: StorageCall): Promise<void> => {
  await ssh.run({ words: ["zbs-nfs", "file", "convert_from_lun", "--help"] }, call);
};

/** The file becomes what a snapshot has. Done twice it is as done once. */
export const rollbackFile = async (
  ssh: SshRunner,
  { inodeId, snapshotId }: { readonly inodeId: string; readonly snapshotId: string },
  call?: StorageCall,
): Promise<void> => {
  await ssh.run({ words: ["zbs-nfs", "snapshot", "rollback_by_id", inodeId, snapshotId] }, call);
};

/** Idempotent. */
export const deleteFile = async (ssh: SshRunner, inodeId: string, call?: StorageCall): Promise<void> => {
  await ssh.run({ words: ["zbs-nfs", "inode", "delete", inodeId] }, call).catch(unlessGone);
};

/** Of what is removed. */
export const unlessGone = (error: unknown): void => {
  const isGone = VisibleError.is(error, "CLUSTER_TASK_FAILED") && /not ?found|does ?n[o']t exist/i.test(error.message);
  if (!isGone) throw error;
};
