import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { deleted, firstOf, inCluster, made, type Noun, whereId } from "./noun.ts";

const folders: Noun<TowerVmFolder> = {
  list: "get-vm-folders",
  schema: z
    .object({ id: z.string(), name: z.string(), vm_num: z.number().nullish() })
    .transform((folder) => ({ id: folder.id, name: folder.name, vmCount: folder.vm_num ?? 0 })),
};

/** Where VMs lie in CloudTower, for people. */
export interface TowerVmFolder {
  readonly id: string;
  readonly name: string;
  /** It may be old. */
  readonly vmCount: number;
}

export const listVmFolders = inCluster(folders);

/** Looks for one of that name first, since making it twice makes two. */
export const ensureVmFolder = (
  tower: CloudTower,
  { clusterId, name }: { readonly clusterId: string; readonly name: string },
  call?: StorageCall,
): Promise<TowerVmFolder> => {
  const body = [{ cluster_id: clusterId, name }];
  return tower.ensure(
    {
      what: `the folder “${name}”`,
      find: (watch) => firstOf(tower, folders, { cluster: { id: clusterId }, name }, watch),
      create: (watch) => made(tower, { noun: folders, operation: "create-vm-folder", body }, watch),
    },
    call,
  );
};

/** The VMs in it stay. Idempotent. */
export const deleteVmFolder = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  deleted(tower, "delete-vm-folder", whereId(id), call);
