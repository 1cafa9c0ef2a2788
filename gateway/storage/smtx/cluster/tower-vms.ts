import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { findOne } from "./find-one.ts";
import type { Hands, VmRef, VmWish, VolumeRef } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";

/* Virtual volumes and VMs, by CloudTower. */

const nested = z.looseObject({ id: z.string(), name: z.string() });
const vmVolumeSchema = z.looseObject({ id: z.string(), name: z.string(), lun: nested.nullish() });
const lunSchema = z.looseObject({
  ...{ id: z.string(), zbs_volume_id: z.string(), lun_id: z.number(), assigned_size: z.number(), iscsi_target: nested },
});
const targetSchema = z.looseObject({ id: z.string(), name: z.string(), iqn_name: z.string() });
const vmSchema = z.looseObject({ id: z.string(), name: z.string(), local_id: z.string(), status: z.string() });
const vlanSchema = z.looseObject({ id: z.string(), name: z.string(), vlan_id: z.number(), vds: nested });
const anything = z.unknown();

type Of = Pick<TowerHandsOptions, "tower" | "clusterId" | "replicas">;

export const makeVolume = async (
  { tower, clusterId, replicas }: Of,
  { name, sizeBytes, sharing }: Parameters<Hands["makeVolume"]>[0],
  call: StorageCall,
): Promise<VolumeRef> => {
  const volume = await tower.ensure(
    {
      what: `the volume “${name}”`,
      find: (look) =>
        findOne(
          tower,
          { operation: "get-vm-volumes", where: { name, cluster: { id: clusterId } }, schema: vmVolumeSchema },
          look,
        ),
      isReady: ({ lun }) => Boolean(lun),
      create: (make) =>
        tower.change(
          "create-vm-volume",
          [
            {
              ...{ name, cluster_id: clusterId, sharing, size: sizeBytes, size_unit: "B" },
              elf_storage_policy: `REPLICA_${replicas}_THIN_PROVISION`,
            },
          ],
          anything,
          make,
        ),
    },
    call,
  );
  const lun = await findOne(
    tower,
    { operation: "get-iscsi-luns", where: { id: volume.lun?.id ?? "" }, schema: lunSchema },
    call,
  );
  const target =
    lun &&
    (await findOne(
      tower,
      { operation: "get-iscsi-targets", where: { id: lun.iscsi_target.id }, schema: targetSchema },
      call,
    ));
  if (lun === undefined || target === undefined) throw noLun(name);
  return {
    ...{ lun: lun.id, zbsVolumeId: lun.zbs_volume_id, target: target.name, iqn: target.iqn_name },
    ...{ lunId: lun.lun_id, sizeBytes: lun.assigned_size, vmVolume: volume.id },
  };
};

export const makeVm = async ({ tower, clusterId }: Of, wish: VmWish, call: StorageCall): Promise<VmRef> => {
  const { name, config, disks, nics } = wish;
  const vlans = await tower.all("get-vlans", { where: { vds: { cluster: { id: clusterId } } } }, vlanSchema, call);
  const vlanOf = ({ virtualSwitch, vlan }: VmWish["nics"][number]) =>
    vlans.find(({ vds, vlan_id }) => vds.name === virtualSwitch && vlan_id === vlan.vlanId) ??
    vlans.find(({ vds }) => vds.name === virtualSwitch);
  const vm = await tower.ensure(
    {
      what: `the VM “${name}”`,
      find: (look) =>
        findOne(tower, { operation: "get-vms", where: { name, cluster: { id: clusterId } }, schema: vmSchema }, look),
      create: (make) =>
        tower.change(
          "create-vm",
          [
            {
              ...{ name, cluster_id: clusterId, firmware: config.firmware, ha: config.ha, status: config.status },
              ...{ vcpu: config.vcpu, cpu_cores: config.cpu.cores, cpu_sockets: config.cpu.sockets },
              ...{ memory: config.memory, memory_unit: "B", description: config.description ?? "" },
              vm_disks: {
                mount_disks: disks.map(({ volume, bus, boot, index }) => ({ vm_volume_id: volume, bus, boot, index })),
              },
              vm_nics: nics.map((nic) => ({
                ...{ mac_address: nic.macAddress, model: nic.model, enabled: nic.enabled },
                ...(vlanOf(nic) !== undefined && { connect_vlan_id: vlanOf(nic)?.id }),
                ...(nic.ipAddress !== undefined && { ip_address: nic.ipAddress }),
                ...(nic.gateway !== undefined && { gateway: nic.gateway }),
                ...(nic.subnetMask !== undefined && { subnet_mask: nic.subnetMask }),
              })),
            },
          ],
          anything,
          make,
        ),
    },
    call,
  );
  return { vm: vm.id, localId: vm.local_id };
};

export const setPower = async ({ tower }: Of, vm: string, power: "on" | "off", call: StorageCall): Promise<void> => {
  const now = await findOne(tower, { operation: "get-vms", where: { id: vm }, schema: vmSchema }, call);
  const isOn = now !== undefined && now.status !== "STOPPED";
  if (isOn === (power === "on")) return;
  await tower.change(power === "on" ? "start-vm" : "poweroff-vm", { where: { id: vm } }, anything, call);
};

const noLun = (name: string): VisibleError =>
  new VisibleError("CLUSTER_TASK_FAILED", `The cluster does not say in which LUN the volume “${name}” lies.`, {
    hint: "It will be tried again. If it goes on, see CloudTower's task list.",
  });
