import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { ensureVmFolder } from "../cloud-tower/nouns/vm-folders.ts";
import { deleteVm, ensureVm, findVm, type TowerVm } from "../cloud-tower/nouns/vms.ts";
import { digestOf, isOurs } from "../names.ts";
import type { KeptShell, ShellWish } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { connected, shapeNics } from "./vm-nics.ts";
import { shapeResources } from "./vm-shape.ts";

type Of = Pick<TowerHandsOptions, "tower" | "clusterId">;

/** Its description says what it was made of: where it is the same, one question is enough. */
export const keepShell = async (
  of: Of,
  wish: ShellWish,
  known: string | undefined,
  call?: StorageCall,
): Promise<KeptShell> => {
  const { tower } = of;
  const refusals: VisibleError[] = [];
  const vm = await unlessRefused(refusals, async () => {
    const config = { ...wish.config, description: describe(wish), ha: false };
    const there = known === undefined ? undefined : await findVm(tower, known, call);
    // Whoever has renamed it has taken it.
    const isTaken = there === undefined || there.isGone || !isOurs(there.name);
    let now = isTaken ? await made(of, { ...wish, config }, refusals, call) : there;
    if (now.firmware !== config.firmware) {
      await deleteVm(tower, now.id, { withSnapshots: false }, call);
      now = await made(of, { ...wish, config }, refusals, call);
    }
    if (now.description === config.description) return now;
    await shapeNics(of, { vmId: now.id, nics: wish.nics }, call);
    await shapeResources(of, now.id, config, call);
    return now;
  });
  return { ref: vm && { vm: vm.id, localId: vm.localId }, refusals };
};

const made = async (
  of: Of,
  { name, folder, config, nics }: ShellWish,
  refusals: VisibleError[],
  call: StorageCall | undefined,
): Promise<TowerVm> => {
  const { tower, clusterId } = of;
  const folderId = (await unlessRefused(refusals, () => ensureVmFolder(tower, { clusterId, name: folder }, call)))?.id;
  const { description = "", vcpu, cpu, memory, firmware, ha } = config;
  const wanted = {
    ...{ clusterId, name, description, vcpu, cpu, memoryBytes: memory, firmware, ha, disks: [] },
    ...(folderId !== undefined && { folderId }),
    nics: await connected(of, nics, call),
  };
  return ensureVm(tower, wanted, call);
};

const describe = ({ of, config, nics, folder }: ShellWish): string =>
  `Made by smtx-backup; leave it alone. It shows that the VM “${of}” can be made here: it has no disks, and its NICs are off. (${digestOf(JSON.stringify([config, nics, folder]))})`;

/** Data are not kept back for a shell, whatever the cluster says to it. */
const unlessRefused = async <T>(refusals: VisibleError[], work: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await work();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    refusals.push(error);
    return undefined;
  }
};

/** Versions of before have no folders, and say that there is nothing of that name. */
export const isRefusal = (error: unknown): error is VisibleError =>
  VisibleError.is(error) && ["CLUSTER_REFUSED", "CLUSTER_TASK_FAILED", "NOT_FOUND"].includes(error.code);
