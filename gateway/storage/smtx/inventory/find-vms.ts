import { type VmNic, vmNicSchema } from "../../../../core/api/object/vm.ts";
import type { StorageCall } from "../../call.ts";
import type { TowerSwitch, TowerVlan } from "../cloud-tower/nouns/networks.ts";
import { listDisks, listNics, type TowerDisk, type TowerNic } from "../cloud-tower/nouns/vm-parts.ts";
import type { TowerVmVolume } from "../cloud-tower/nouns/vm-volumes.ts";
import { listVms } from "../cloud-tower/nouns/vms.ts";
import type { FoundDisk, FoundVm } from "./found.ts";
import type { WhichCluster } from "./which.ts";

interface Beside {
  readonly vmVolumes: readonly TowerVmVolume[];
  readonly switches: readonly TowerSwitch[];
  readonly vlans: readonly TowerVlan[];
}

/** The VMs of a cluster but for those that lie in its recycle bin. */
export const findVms = async (
  { tower, clusterId }: WhichCluster,
  { vmVolumes, switches, vlans }: Beside,
  call?: StorageCall,
): Promise<readonly FoundVm[]> => {
  const vms = (await listVms(tower, clusterId, call)).filter(({ isGone, isInternal }) => !isGone && !isInternal);
  if (vms.length === 0) return [];
  const disks = Map.groupBy(await listDisks(tower, clusterId, call), ({ vm }) => vm.id);
  const nics = Map.groupBy(await listNics(tower, clusterId, call), ({ vm }) => vm.id);
  const volumeIds = new Map(vmVolumes.map(({ id, localId }) => [id, localId]));
  const placeOf = placesOf(switches, vlans);
  return vms.map((vm) => ({
    ...{ tower: vm.id, id: vm.localId, name: vm.name, labels: vm.labels },
    config: {
      ...(vm.description !== "" && { description: vm.description }),
      ...{ vcpu: vm.vcpu, cpu: { cores: vm.cpu.cores, sockets: vm.cpu.sockets }, memory: vm.memoryBytes },
      ...{ firmware: vm.firmware, ha: vm.ha, status: vm.status },
    },
    disks: disksOf(disks.get(vm.id) ?? [], volumeIds),
    nics: nicsOf(nics.get(vm.id) ?? [], placeOf),
  }));
};

const disksOf = (rows: readonly TowerDisk[], volumeIds: ReadonlyMap<string, string>): FoundDisk[] =>
  rows
    .toSorted((a, b) => (a.key ?? a.boot) - (b.key ?? b.boot))
    .map(({ isCdRom, volume, image, bus, boot }, position) => ({
      ...{ position, bus, boot },
      volume: isCdRom ? undefined : volumeIds.get(volume?.id ?? ""),
      cdRom: isCdRom ? (image ?? "CD-ROM") : undefined,
    }));

type NicPlace = Pick<VmNic, "virtualSwitch" | "vlan">;

const placesOf =
  (switches: readonly TowerSwitch[], vlans: readonly TowerVlan[]) =>
  (vlanId: string | undefined): NicPlace => {
    const vlan = vlans.find(({ id }) => id === vlanId);
    if (vlan === undefined) return { virtualSwitch: null, vlan: { vlanId: 0 } };
    const virtualSwitch = switches.find(({ id }) => id === vlan.switch.id)?.name ?? null;
    return { virtualSwitch, vlan: { name: vlan.name, vlanId: vlan.vlanId } };
  };

/** What has no address, or one that can't be, is no NIC that could be made again. */
const nicsOf = (rows: readonly TowerNic[], placeOf: (vlanId: string | undefined) => NicPlace): Omit<VmNic, "order">[] =>
  rows
    .toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .flatMap((row, order) => {
      const { data } = vmNicSchema.safeParse({
        ...{ macAddress: row.macAddress, model: row.model, order, enabled: row.isEnabled, ...placeOf(row.vlan?.id) },
        ...(row.ipAddress !== undefined && { ipAddress: row.ipAddress }),
        ...(row.gateway !== undefined && { gateway: row.gateway }),
        ...(row.subnetMask !== undefined && { subnetMask: row.subnetMask }),
      });
      if (data === undefined) return [];
      const { order: _, ...nic } = data;
      return [nic];
    });
