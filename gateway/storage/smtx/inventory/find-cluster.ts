import { z } from "zod";
import { type VmNic, vmNicSchema } from "../../../../core/api/object/vm.ts";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { StorageCall } from "../../call.ts";
import type { CloudTower } from "../cloud-tower/client.ts";
import { isOurs, isRebuild } from "../names.ts";
import type { FoundCluster, FoundDisk, FoundLunRef, FoundVm } from "./found.ts";

const nested = z.looseObject({ id: z.string(), name: z.string() });
const labels = z.array(z.looseObject({ id: z.string() })).nullish();

const targetSchema = z.looseObject({
  ...{ id: z.string(), name: z.string(), iqn_name: z.string(), internal: z.boolean().nullish() },
  ...{ description: z.string().nullish(), ip_whitelist: z.string().nullish(), iqn_whitelist: z.string().nullish() },
  ...{ replica_num: z.number().nullish(), thin_provision: z.boolean().nullish() },
});
const lunSchema = z.looseObject({
  ...{ id: z.string(), name: z.string(), zbs_volume_id: z.string(), lun_id: z.number(), assigned_size: z.number() },
  ...{ stripe_num: z.number(), stripe_size: z.number(), allowed_initiators: z.string(), iscsi_target: nested, labels },
});
type Lun = z.infer<typeof lunSchema>;
const vmVolumeSchema = z.looseObject({
  ...{ id: z.string(), local_id: z.string(), name: z.string(), size: z.number(), sharing: z.boolean() },
  ...{ lun: nested.nullish(), labels },
});
const vmSchema = z.looseObject({
  ...{ id: z.string(), local_id: z.string(), name: z.string(), description: z.string().nullish(), vcpu: z.number() },
  ...{ cpu: z.looseObject({ cores: z.number(), sockets: z.number() }), memory: z.number() },
  ...{ firmware: z.enum(["BIOS", "UEFI"]), ha: z.boolean(), status: z.string(), labels },
  ...{ in_recycle_bin: z.boolean().nullish(), internal: z.boolean().nullish() },
});
const vmDiskSchema = z.looseObject({
  ...{ id: z.string(), type: z.enum(["CD_ROM", "DISK"]), bus: z.enum(["IDE", "SCSI", "USB", "VIRTIO"]) },
  ...{
    boot: z.number(),
    key: z.number().nullish(),
    vm: nested,
    vm_volume: nested.nullish(),
    elf_image: nested.nullish(),
  },
});
const vmNicRowSchema = z.looseObject({
  ...{ id: z.string(), vm: nested, mac_address: z.string().nullish(), model: z.string().nullish() },
  ...{ order: z.number().nullish(), enabled: z.boolean().nullish(), vlan: nested.nullish() },
  ...{ ip_address: z.string().nullish(), gateway: z.string().nullish(), subnet_mask: z.string().nullish() },
});
const vlanSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  vlan_id: z.number(),
  vds: nested,
  type: z.string(),
});
const labelSchema = z.looseObject({ id: z.string(), key: z.string(), value: z.string().nullish() });

type Labelled = { readonly labels?: readonly { readonly id: string }[] | null | undefined };

/** What CloudTower says that the cluster has, without what is ours. */
export const findCluster = async (
  {
    tower,
    clusterId,
    extentBytes,
  }: { readonly tower: CloudTower; readonly clusterId: string; readonly extentBytes: number },
  call?: StorageCall,
): Promise<FoundCluster> => {
  const ofCluster = { where: { cluster: { id: clusterId } } };
  const allTargets = await tower.all("get-iscsi-targets", ofCluster, targetSchema, call);
  const allLuns = await tower.all(
    "get-iscsi-luns",
    { where: { iscsi_target: { cluster: { id: clusterId } } } },
    lunSchema,
    call,
  );
  const vmVolumes = await tower.all("get-vm-volumes", ofCluster, vmVolumeSchema, call);
  const allVms = await tower.all("get-vms", ofCluster, vmSchema, call);
  const vms = allVms.filter((vm) => vm.in_recycle_bin !== true && vm.internal !== true && isTheirs(vm.name));
  const disks =
    vms.length === 0
      ? []
      : await tower.all("get-vm-disks", { where: { vm: { cluster: { id: clusterId } } } }, vmDiskSchema, call);
  const nics =
    vms.length === 0
      ? []
      : await tower.all("get-vm-nics", { where: { vm: { cluster: { id: clusterId } } } }, vmNicRowSchema, call);
  const vlans = await tower.all("get-vlans", { where: { vds: { cluster: { id: clusterId } } } }, vlanSchema, call);
  const named = new Map(
    (await tower.all("get-labels", {}, labelSchema, call)).map(({ id, key, value }) => [
      id,
      [key, value ?? ""] as const,
    ]),
  );
  const labelsOf = ({ labels: refs }: Labelled) =>
    Object.fromEntries((refs ?? []).flatMap(({ id }) => (named.has(id) ? [named.get(id) ?? []] : [])));

  const targets = new Map(allTargets.map((target) => [target.id, target]));
  const lunOf = new Map(allLuns.map((lun) => [lun.id, lun]));
  const geometryOf = (lun: Lun | undefined): Geometry =>
    lun === undefined || lun.stripe_num <= 1
      ? {
          extentBytes,
          stripeCount: 1,
          stripeBytes: lun === undefined || lun.stripe_size === 0 ? extentBytes : lun.stripe_size,
        }
      : { extentBytes, stripeCount: lun.stripe_num, stripeBytes: lun.stripe_size };
  const refOf = (lun: Lun): FoundLunRef => ({
    tower: lun.id,
    zbsVolumeId: lun.zbs_volume_id,
    target: lun.iscsi_target.name,
    iqn: targets.get(lun.iscsi_target.id)?.iqn_name ?? "",
    lunId: lun.lun_id,
  });
  const ofVolumes = new Set(vmVolumes.flatMap(({ lun }) => lun?.id ?? []));
  const luns = allLuns.filter(
    (lun) => !ofVolumes.has(lun.id) && isTheirs(lun.name) && targets.get(lun.iscsi_target.id)?.internal !== true,
  );
  return {
    targets: allTargets
      .filter(({ name, internal }) => !isOurs(name) && internal !== true)
      .map((target) => ({
        name: target.name,
        settings: {
          ...(target.description ? { description: target.description } : {}),
          ...(target.ip_whitelist ? { ipWhitelist: target.ip_whitelist } : {}),
          ...(target.iqn_whitelist ? { iqnWhitelist: target.iqn_whitelist } : {}),
          ...(target.replica_num ? { replicaNum: target.replica_num } : {}),
          ...(typeof target.thin_provision === "boolean" ? { thinProvision: target.thin_provision } : {}),
        },
      })),
    luns: luns.map((lun) => ({
      lun: refOf(lun),
      name: lun.name,
      sizeBytes: lun.assigned_size,
      geometry: geometryOf(lun),
      allowedInitiators: lun.allowed_initiators,
      labels: labelsOf(lun),
    })),
    volumes: vmVolumes
      .filter(({ name }) => isTheirs(name))
      .map((volume) => {
        const lun = lunOf.get(volume.lun?.id ?? "");
        return {
          ...{
            tower: volume.id,
            id: volume.local_id,
            name: volume.name,
            sizeBytes: volume.size,
            sharing: volume.sharing,
          },
          lun: lun && refOf(lun),
          geometry: geometryOf(lun),
          labels: labelsOf(volume),
        };
      }),
    vms: vms.map(
      (vm): FoundVm => ({
        tower: vm.id,
        id: vm.local_id,
        name: vm.name,
        config: {
          ...(vm.description ? { description: vm.description } : {}),
          ...{ vcpu: vm.vcpu, cpu: { cores: vm.cpu.cores, sockets: vm.cpu.sockets }, memory: vm.memory },
          ...{ firmware: vm.firmware, ha: vm.ha, status: statusOf(vm.status) },
        },
        disks: disksOf(
          disks.filter((disk) => disk.vm.id === vm.id),
          new Map(vmVolumes.map(({ id, local_id }) => [id, local_id])),
        ),
        nics: nicsOf(
          nics.filter((nic) => nic.vm.id === vm.id),
          new Map(vlans.map((vlan) => [vlan.id, vlan])),
        ),
        labels: labelsOf(vm),
      }),
    ),
    exports: [],
    files: [],
    switches: switchesOf(vlans),
  };
};

/** Or will be, when it has its name. */
const isTheirs = (name: string): boolean => !isOurs(name) || isRebuild(name);

const statusOf = (status: string): FoundVm["config"]["status"] =>
  status === "RUNNING" || status === "STOPPED" || status === "SUSPENDED" ? status : "UNKNOWN";

const disksOf = (rows: readonly z.infer<typeof vmDiskSchema>[], volumes: ReadonlyMap<string, string>): FoundDisk[] =>
  rows
    .toSorted((a, b) => (a.key ?? a.boot) - (b.key ?? b.boot))
    .map((row, position) => ({
      position,
      volume: row.type === "DISK" ? volumes.get(row.vm_volume?.id ?? "") : undefined,
      cdRom: row.type === "CD_ROM" ? (row.elf_image?.name ?? "CD-ROM") : undefined,
      bus: row.bus,
      boot: row.boot,
    }));

type Vlan = z.infer<typeof vlanSchema>;

const nicsOf = (
  rows: readonly z.infer<typeof vmNicRowSchema>[],
  vlans: ReadonlyMap<string, Vlan>,
): Omit<VmNic, "order">[] =>
  rows
    .toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .flatMap((row, order) => {
      const vlan = vlans.get(row.vlan?.id ?? "");
      const parsed = vmNicSchema.safeParse({
        ...{ macAddress: row.mac_address, model: row.model ?? "VIRTIO", order, enabled: row.enabled ?? true },
        virtualSwitch: vlan?.vds.name ?? null,
        vlan: vlan === undefined ? { vlanId: 0 } : { name: vlan.name, vlanId: vlan.vlan_id },
        ...(row.ip_address ? { ipAddress: row.ip_address } : {}),
        ...(row.gateway ? { gateway: row.gateway } : {}),
        ...(row.subnet_mask ? { subnetMask: row.subnet_mask } : {}),
      });
      if (!parsed.success) return [];
      const { order: _, ...nic } = parsed.data;
      return [nic];
    });

const switchesOf = (vlans: readonly Vlan[]): FoundCluster["switches"] =>
  [...Map.groupBy(vlans, ({ vds }) => vds.name)]
    .map(([name, those]) => ({
      name,
      vlans: those
        .map((vlan) => ({ name: vlan.name, vlanId: vlan.vlan_id }))
        .toSorted((a, b) => a.vlanId - b.vlanId || (a.name < b.name ? -1 : 1)),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
