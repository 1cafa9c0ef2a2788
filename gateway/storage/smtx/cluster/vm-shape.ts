import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { addVmDisks, removeVmDisks, updateVm } from "../cloud-tower/nouns/vm-changes.ts";
import { listDisksOfVms } from "../cloud-tower/nouns/vm-parts.ts";
import { findVm } from "../cloud-tower/nouns/vms.ts";
import type { VmShape } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { shapeNics } from "./vm-nics.ts";

type Of = Pick<TowerHandsOptions, "tower" | "clusterId">;

/**
 * Gives a VM that is off these resources, disks and NICs; its name, CD-ROM drives and firmware
 * stay. Only what differs is changed, so whoever was cut in between goes on.
 * @throws VOLUME_UNKNOWN
 */
export const shapeVm = async (of: Of, vmId: string, shape: VmShape, call?: StorageCall): Promise<void> => {
  await shapeResources(of, vmId, shape.config, call);
  await shapeDisks(of, vmId, shape.disks, call);
  await shapeNics(of, { vmId, nics: shape.nics }, call);
};

export const shapeResources = async (
  { tower }: Of,
  vmId: string,
  { description = "", vcpu, cpu, memory, ha }: VmShape["config"],
  call: StorageCall | undefined,
): Promise<void> => {
  const now = (await findVm(tower, vmId, call)) ?? gone(vmId);
  const change = {
    ...(now.description !== description && { description }),
    ...((now.vcpu !== vcpu || now.cpu.cores !== cpu.cores || now.cpu.sockets !== cpu.sockets) && { vcpu, cpu }),
    ...(now.memoryBytes !== memory && { memoryBytes: memory }),
    ...(now.ha !== ha && { ha }),
  };
  if (Object.keys(change).length > 0) await updateVm(tower, vmId, change, call);
};

/**
 * A disk is put in its place by being the next one. Those from the first difference on are taken
 * out before; their volumes stay.
 */
const shapeDisks = async (
  { tower }: Of,
  vmId: string,
  wanted: VmShape["disks"],
  call: StorageCall | undefined,
): Promise<void> => {
  const now = (await listDisksOfVms(tower, [vmId], call))
    .flatMap(({ isCdRom, volume, ...disk }) => (isCdRom || volume === undefined ? [] : [{ ...disk, volume }]))
    .toSorted((a, b) => (a.key ?? a.boot) - (b.key ?? b.boot));
  const differs = wanted.findIndex(({ volume, bus, boot }, at) => {
    const disk = now[at];
    return disk?.volume.id !== volume || disk.bus !== bus || disk.boot !== boot;
  });
  const stay = differs < 0 ? wanted.length : differs;
  const diskIds = now.slice(stay).map(({ id }) => id);
  if (diskIds.length > 0) await removeVmDisks(tower, { vmId, diskIds }, call);
  const missing = wanted.slice(stay).map(({ volume, bus, boot }) => ({ volumeId: volume, bus, boot }));
  if (missing.length > 0) await addVmDisks(tower, { vmId, disks: missing }, call);
};

const gone = (vmId: string): never => {
  throw new VisibleError("VOLUME_UNKNOWN", `The cluster has the VM ${vmId} no more.`, {
    hint: "It may have been deleted; look at the site's inventory.",
  });
};
