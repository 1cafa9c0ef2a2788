import { randomBytes } from "node:crypto";
import { type FakeCluster, FakeEntity } from "./entity.ts";
import type { FakeLun, FakeLunSnapshot } from "./iscsi.ts";
import type { FakeVlan } from "./networks.ts";

export class FakeVmVolume extends FakeEntity {
  name: string;
  /** In ELF's own target. */
  readonly lun: FakeLun;
  readonly sharing: boolean;
  readonly elf_storage_policy: string;
  readonly type = "KVM_VOLUME";
  readonly vm_disks: FakeVmDisk[] = [];
  readonly snapshots: FakeVmVolumeSnapshot[] = [];
  description = "";
  /** As it was asked for. */
  size: number;

  constructor(options: { name: string; lun: FakeLun; size: number; sharing: boolean; policy: string }) {
    super();
    this.name = options.name;
    this.lun = options.lun;
    this.size = options.size;
    this.sharing = options.sharing;
    this.elf_storage_policy = options.policy;
  }

  get cluster(): FakeCluster {
    return this.lun.cluster;
  }

  get path(): string {
    return `iscsi://${this.lun.iscsi_target.iqn_name}/${this.lun.lun_id}`;
  }

  get mounting(): boolean {
    return this.vm_disks.length > 0;
  }

  get unique_size(): number {
    return this.cluster.storage.zbs.uniqueBytes(this.lun.volume);
  }
}

export class FakeVmVolumeSnapshot extends FakeEntity {
  name: string;
  readonly description: string;
  readonly vm_volume: FakeVmVolume;
  readonly type = "KVM_VOLUME_SNAPSHOT";
  lun_snapshot: FakeLunSnapshot | undefined;

  constructor(name: string, description: string, volume: FakeVmVolume) {
    super();
    this.name = name;
    this.description = description;
    this.vm_volume = volume;
  }

  get cluster(): FakeCluster {
    return this.vm_volume.cluster;
  }

  get elf_storage_policy(): string {
    return this.vm_volume.elf_storage_policy;
  }

  get volume_size(): number {
    return this.vm_volume.size;
  }

  get zbs_snapshot_uuid(): string | null {
    return this.lun_snapshot?.volume?.id ?? null;
  }
}

/** It gets a new id whenever its VM's disks are changed. */
export class FakeVmDisk {
  readonly id: string = `c${randomBytes(12).toString("hex")}`;
  readonly vm: FakeVm;
  readonly type: "DISK" | "CD_ROM";
  readonly bus: string;
  readonly boot: number;
  readonly key: number;
  readonly vm_volume: FakeVmVolume | null;
  /** In a CD-ROM drive. */
  readonly elf_image: { readonly id: string; readonly name: string } | null;
  /** Whether the volume goes with the VM. */
  readonly isVmsOwn: boolean;

  constructor(vm: FakeVm, options: FakeDiskOptions) {
    this.vm = vm;
    this.type = options.image === undefined ? "DISK" : "CD_ROM";
    this.bus = options.bus;
    this.boot = options.boot;
    this.key = options.key;
    this.vm_volume = options.volume ?? null;
    this.elf_image = options.image === undefined ? null : { id: options.image, name: options.image };
    this.isVmsOwn = options.isVmsOwn;
  }
}

export interface FakeDiskOptions {
  readonly bus: string;
  readonly boot: number;
  readonly key: number;
  readonly volume?: FakeVmVolume | undefined;
  readonly image?: string | undefined;
  readonly isVmsOwn: boolean;
}

export class FakeVmNic {
  readonly id: string = `c${randomBytes(12).toString("hex")}`;
  readonly vm: FakeVm;
  readonly order: number;
  readonly mac_address: string;
  readonly model: string;
  readonly enabled: boolean;
  readonly vlan: FakeVlan | null;
  readonly ip_address: string;
  readonly gateway: string;
  readonly subnet_mask: string;

  constructor(vm: FakeVm, order: number, options: FakeNicOptions) {
    this.vm = vm;
    this.order = order;
    this.mac_address = options.mac_address ?? randomMac();
    this.model = options.model ?? "VIRTIO";
    this.enabled = options.enabled ?? true;
    this.vlan = options.vlan ?? null;
    this.ip_address = options.ip_address ?? "";
    this.gateway = options.gateway ?? "";
    this.subnet_mask = options.subnet_mask ?? "";
  }
}

export interface FakeNicOptions {
  readonly mac_address?: string | undefined;
  readonly model?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly vlan?: FakeVlan | null | undefined;
  readonly ip_address?: string | undefined;
  readonly gateway?: string | undefined;
  readonly subnet_mask?: string | undefined;
}

/** What a VM has of its own, and a snapshot keeps. */
export interface FakeVmConfig {
  readonly vcpu: number;
  readonly cpu: { readonly cores: number; readonly sockets: number };
  /** Bytes. */
  readonly memory: number;
  readonly firmware: string;
  readonly ha: boolean;
  readonly description: string;
}

export class FakeVm extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  config: FakeVmConfig;
  status: "RUNNING" | "STOPPED" | "SUSPENDED";
  vm_tools_status: "NOT_INSTALLED" | "NOT_RUNNING" | "RESTRICTION" | "RUNNING" = "NOT_INSTALLED";
  folder: FakeVmFolder | null = null;
  in_recycle_bin = false;
  readonly internal = false;
  readonly vm_disks: FakeVmDisk[] = [];
  readonly vm_nics: FakeVmNic[] = [];
  readonly snapshots: FakeVmSnapshot[] = [];

  constructor(name: string, cluster: FakeCluster, of: { config: FakeVmConfig; status: FakeVm["status"] }) {
    super();
    this.name = name;
    this.cluster = cluster;
    this.config = of.config;
    this.status = of.status;
  }

  get vcpu(): number {
    return this.config.vcpu;
  }

  get cpu(): FakeVmConfig["cpu"] {
    return this.config.cpu;
  }

  get memory(): number {
    return this.config.memory;
  }

  get firmware(): string {
    return this.config.firmware;
  }

  get ha(): boolean {
    return this.config.ha;
  }

  get description(): string {
    return this.config.description;
  }

  /** All disks anew: their ids are others from then on. */
  setDisks(disks: readonly FakeDiskOptions[]): void {
    for (const disk of this.vm_disks) {
      const others = disk.vm_volume?.vm_disks ?? [];
      if (others.includes(disk)) others.splice(others.indexOf(disk), 1);
    }
    const made = disks.map((disk) => new FakeVmDisk(this, disk));
    this.vm_disks.splice(0, this.vm_disks.length, ...made);
    for (const disk of made) disk.vm_volume?.vm_disks.push(disk);
  }

  setNics(nics: readonly FakeNicOptions[]): void {
    const made = nics.map((nic, order) => new FakeVmNic(this, order, nic));
    this.vm_nics.splice(0, this.vm_nics.length, ...made);
  }
}

/** A disk as a snapshot of its VM keeps it. */
export interface FakeFrozenDisk extends Omit<FakeDiskOptions, "volume"> {
  readonly volume: FakeVmVolume | null;
  readonly snapshot: FakeLunSnapshot | undefined;
}

export class FakeVmSnapshot extends FakeEntity {
  name: string;
  vm: FakeVm | null;
  readonly cluster: FakeCluster;
  readonly config: FakeVmConfig;
  readonly description = "";
  readonly consistent_type = "CRASH_CONSISTENT";
  readonly nics: readonly FakeNicOptions[];
  disks: readonly FakeFrozenDisk[] = [];

  constructor(name: string, vm: FakeVm) {
    super();
    this.name = name;
    this.vm = vm;
    this.cluster = vm.cluster;
    this.config = vm.config;
    this.nics = vm.vm_nics.map((nic) => ({ ...nic }));
  }

  get vcpu(): number {
    return this.config.vcpu;
  }

  get cpu(): FakeVmConfig["cpu"] {
    return this.config.cpu;
  }

  get memory(): number {
    return this.config.memory;
  }

  get firmware(): string {
    return this.config.firmware;
  }

  get ha(): boolean {
    return this.config.ha;
  }

  get size(): number {
    return this.disks.reduce((sum, { volume }) => sum + (volume?.size ?? 0), 0);
  }

  get vm_disks(): readonly object[] {
    return this.disks.map(({ bus, boot, key, volume, image, snapshot }) => ({
      ...{ bus, boot, index: key, key, type: image === undefined ? "DISK" : "CD_ROM" },
      ...{ path: volume?.path ?? "", size: volume?.size ?? 0, vm_volume_local_id: volume?.local_id ?? "" },
      ...{ disk_name: volume?.name ?? null, elf_image_local_id: image ?? "", image_name: image ?? null },
      ...{ snapshot_local_id: snapshot?.name ?? null, vm_volume_snapshot_uuid: snapshot?.local_id ?? null },
    }));
  }

  get vm_nics(): readonly object[] {
    return this.nics.map(({ vlan, ...nic }, index) => ({
      ...nic,
      index,
      vlan: {
        ...{ name: vlan?.name ?? "", vlan_id: vlan?.vlan_id ?? 0, vlan_local_id: vlan?.local_id ?? "" },
        vds_ovs: vlan?.vds.ovsbr_name ?? "",
      },
    }));
  }
}

export class FakeVmFolder extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;

  constructor(name: string, cluster: FakeCluster) {
    super();
    this.name = name;
    this.cluster = cluster;
  }
}

const randomMac = (): string =>
  ["52", "54", "00", ...[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
