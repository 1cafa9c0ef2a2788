import assert from "node:assert/strict";
import type { NfsExportSettings } from "../../../core/api/object/nfs-file.ts";
import type { ObjectChange, ObjectSpec, ObjectSpecOf, VmDiskChange } from "../../../core/api/object-spec.ts";
import { FakeLabel } from "../rest/entities/entity.ts";
import { FakeDataStore } from "../rest/entities/hosts.ts";
import { FakeVds, FakeVlan } from "../rest/entities/networks.ts";
import { FakeNfsExport, FakeNfsInode } from "../rest/entities/nfs.ts";
import { type FakeDiskOptions, type FakeNicOptions, FakeVm } from "../rest/entities/vms.ts";
import { kept } from "../rest/operations/vm-parts.ts";
import { addVmVolume } from "../rest/operations/vm-volumes.ts";
import { removeVm } from "../rest/operations/vms.ts";
import { type Customer, type CustomersObject, isNamed } from "./customer.ts";

type NicSpec = ObjectSpecOf<"vm">["nics"][number];

/**
 * What the cluster's console does, at once and without CloudTower: objects by the documents that
 * an embedded cluster is filled with, as far as a real one has the like.
 */
export class CustomersAdministration {
  readonly #customer: Customer;

  constructor(customer: Customer) {
    this.#customer = customer;
  }

  /** @returns what was made that is an object, in order */
  async createObjects(specs: readonly ObjectSpec[]): Promise<readonly CustomersObject[]> {
    const made: CustomersObject[] = [];
    for (const spec of specs) {
      const object = await this.#create(spec);
      if (object !== undefined) made.push(object);
    }
    return made;
  }

  async updateObject({ kind, id }: CustomersObject, change: ObjectChange): Promise<void> {
    if (kind === "vm") return this.#updateVm(this.#vm(id), change);
    if (change.name !== undefined) this.#customer.renameVolume(id, change.name);
    if (change.size !== undefined) {
      const { zbs } = this.#customer.cluster.storage;
      zbs.grow(this.#customer.zbsVolume(id), change.size);
      const volume = this.#customer.model.vmVolumes.all().find(isNamed(id));
      if (volume !== undefined) volume.size = change.size;
    }
  }

  async deleteObject({ kind, id }: CustomersObject): Promise<void> {
    if (kind !== "vm") return this.#customer.deleteVolume(id);
    const vm = this.#vm(id);
    assert.equal(vm.status, "STOPPED", `${vm.name} is on`);
    removeVm(this.#customer.model, vm, false);
  }

  setPower(id: string, power: "on" | "off"): void {
    this.#vm(id).status = power === "on" ? "RUNNING" : "STOPPED";
  }

  /** Null takes one away. */
  setLabels(id: string, labels: Readonly<Record<string, string | null>>): void {
    const { model } = this.#customer;
    const tables = [model.vms, model.vmVolumes, model.luns, model.nfsInodes];
    const resource = tables.flatMap((table): readonly Labelled[] => table.all()).find(isNamed(id));
    assert(resource !== undefined, `there is no ${id}`);
    for (const [key, value] of Object.entries(labels)) {
      const before = resource.labels.filter((label) => label.key !== key);
      resource.labels.splice(0, resource.labels.length, ...before);
      if (value !== null) resource.labels.push(this.#label(key, value));
    }
  }

  async #create(spec: ObjectSpec): Promise<CustomersObject | undefined> {
    const { model, cluster } = this.#customer;
    switch (spec.kind) {
      case "pool":
        model.dataStores.add(new FakeDataStore(spec.name, cluster));
        return undefined;
      case "switch":
        this.#createSwitch(spec);
        return undefined;
      case "nfs-export":
        this.#export(spec.name).description = spec.description ?? "";
        return undefined;
      case "volume":
      case "lun": {
        const { name, kind, size: sizeBytes, geometry } = spec;
        const lun = spec.kind === "lun" ? { target: spec.target, lunId: spec.lunId } : undefined;
        const made = await this.#customer.createVolume({
          ...{ name, kind, sizeBytes },
          ...(geometry !== undefined && { geometry }),
          ...(lun !== undefined && { lun: { target: lun.target, ...(lun.lunId && { lunId: lun.lunId }) } }),
        });
        this.setLabels(made.id, spec.labels ?? {});
        return made;
      }
      case "nfs-file":
        return this.#createFile(spec);
      case "vm":
        return this.#createVm(spec);
    }
  }

  #createSwitch({ name, vlans }: ObjectSpecOf<"switch">): void {
    const { model, cluster } = this.#customer;
    const known = model.vdses.all().find((vds) => vds.name === name && vds.cluster === cluster);
    const vds = known ?? model.vdses.add(new FakeVds(name, cluster));
    for (const vlan of vlans ?? []) this.#vlan(vds, vlan.name, vlan.vlanId);
    if (vds.vlans.length === 0) this.#vlan(vds, "default", 0);
  }

  #vlan(vds: FakeVds, name: string, vlanId: number): FakeVlan {
    const known = vds.vlans.find((vlan) => vlan.vlan_id === vlanId);
    if (known !== undefined) return known;
    const vlan = this.#customer.model.vlans.add(new FakeVlan(name, vds, vlanId));
    vds.vlans.push(vlan);
    return vlan;
  }

  #export(name: string): FakeNfsExport {
    const { model, cluster } = this.#customer;
    const known = model.nfsExports.all().find((one) => one.name === name && one.cluster === cluster);
    return known ?? model.nfsExports.add(new FakeNfsExport(name, cluster));
  }

  #createFile({ name, size, geometry, labels }: ObjectSpecOf<"nfs-file">): CustomersObject {
    const { model, cluster } = this.#customer;
    const { zbs, volumeStriping } = cluster.storage;
    const [, , exportName = "", ...path] = name.split("/");
    const nfsExport = this.#export(exportName);
    const last = path.pop() ?? assert.fail(name);
    const parentId = this.#directory(nfsExport, path);
    const volume = zbs.create(size, { ...volumeStriping, ...geometry });
    const file = model.nfsInodes.add(new FakeNfsInode({ name: last, nfsExport, parentId, volume, sizeBytes: size }));
    nfsExport.inodes.push(file);
    this.setLabels(file.id, labels ?? {});
    return { kind: "nfs-file", id: file.id };
  }

  /** As whoever has mounted it makes directories. @param path from the export on */
  makeDirectories(exportName: string, path: readonly string[], settings: NfsExportSettings = {}): void {
    const isThere = this.#customer.model.nfsExports.all().some(({ name }) => name === exportName);
    const nfsExport = this.#export(exportName);
    if (!isThere) {
      nfsExport.description = settings.description ?? "";
      nfsExport.ip_whitelist = settings.ipWhitelist ?? "*/*";
      nfsExport.replica_num = settings.replicaNum ?? 2;
      nfsExport.thin_provision = settings.thinProvision ?? true;
    }
    this.#directory(nfsExport, path);
  }

  /** @returns its inode's id */
  #directory(nfsExport: FakeNfsExport, path: readonly string[]): string {
    const { model } = this.#customer;
    let parentId = nfsExport.export_inode_id;
    for (const directory of path) {
      const known = nfsExport.inodes.find((inode) => inode.name === directory && inode.parent_id === parentId);
      const inode = known ?? new FakeNfsInode({ name: directory, nfsExport, parentId });
      if (known === undefined) nfsExport.inodes.push(model.nfsInodes.add(inode));
      parentId = inode.local_id;
    }
    return parentId;
  }

  #createVm(spec: ObjectSpecOf<"vm">): CustomersObject {
    const { model, cluster } = this.#customer;
    const { vcpu: wanted, cpu = { cores: wanted ?? 1, sockets: 1 }, memory, firmware, ha, description = "" } = spec;
    const config = { vcpu: cpu.cores * cpu.sockets, cpu, memory, firmware, ha, description };
    const vm = new FakeVm(spec.name, cluster, { config, status: "STOPPED" });
    vm.setDisks(spec.disks.map((disk, position) => this.#disk(vm, disk, position)));
    vm.setNics(spec.nics.map((nic) => this.#nic(nic)));
    model.vms.add(vm);
    this.setLabels(vm.id, spec.labels ?? {});
    return { kind: "vm", id: vm.id };
  }

  #updateVm(vm: FakeVm, change: ObjectChange): void {
    const { disks, nics, name, cpu = vm.cpu, memory = vm.memory, description = vm.description } = change;
    const { firmware = vm.firmware, ha = vm.ha } = change;
    vm.name = name ?? vm.name;
    vm.config = { cpu, memory, description, firmware, ha, vcpu: cpu.cores * cpu.sockets };
    if (nics !== undefined) vm.setNics(nics.map((nic) => this.#nic(nic)));
    if (disks === undefined) return;
    const before = vm.vm_disks.flatMap(({ vm_volume: volume, isVmsOwn }) => (volume && isVmsOwn ? [volume] : []));
    vm.setDisks(disks.map((disk, position) => this.#disk(vm, disk, position)));
    for (const volume of before) if (!volume.mounting) void this.#customer.deleteVolume(volume.id);
  }

  /** A disk that the VM has, a volume that is there, a new one, or a drive. */
  #disk(vm: FakeVm, disk: VmDiskChange, position: number): FakeDiskOptions {
    const { model, cluster } = this.#customer;
    const { boot = Number(position === 0), bus = "VIRTIO", name = `${vm.name}-${position}` } = disk;
    const placed = { bus, boot, key: position };
    if (disk.cdRom !== undefined) return { ...placed, isVmsOwn: false, image: disk.cdRom };
    if (disk.size !== undefined) {
      const striping = { ...cluster.storage.volumeStriping, ...disk.geometry };
      const volume = addVmVolume(model, cluster, { name, sizeBytes: disk.size, striping });
      return { ...placed, isVmsOwn: true, volume };
    }
    const known = vm.vm_disks.find(({ vm_volume: volume }) => volume?.name === (disk.volume ?? disk.name));
    if (known !== undefined) return { ...kept(known), bus: disk.bus ?? known.bus, boot: disk.boot ?? known.boot };
    const volume = model.vmVolumes.all().find((one) => one.name === disk.volume && one.cluster === cluster);
    assert(volume !== undefined, `there is no volume ${disk.volume}`);
    return { ...placed, isVmsOwn: false, volume };
  }

  #nic(nic: NicSpec): FakeNicOptions {
    const { macAddress: mac_address, model, enabled, ipAddress: ip_address, gateway, subnetMask: subnet_mask } = nic;
    const vlan = nic.switch === undefined ? null : this.#vlanNamed(nic.switch, nic.vlan ?? 0);
    return { mac_address, model, enabled, ip_address, gateway, subnet_mask, vlan };
  }

  #vlanNamed(switchName: string, of: string | number): FakeVlan {
    const { model, cluster } = this.#customer;
    const vds = model.vdses.all().find(({ name, cluster: its }) => name === switchName && its === cluster);
    assert(vds !== undefined, `there is no switch ${switchName}`);
    if (typeof of === "number") return this.#vlan(vds, of === 0 ? "default" : `vlan-${of}`, of);
    return vds.vlans.find(({ name }) => name === of) ?? assert.fail(`${switchName} has no ${of}`);
  }

  #vm(id: string): FakeVm {
    return this.#customer.model.vms.all().find(isNamed(id)) ?? assert.fail(`there is no VM ${id}`);
  }

  #label(key: string, value: string): FakeLabel {
    const { labels } = this.#customer.model;
    const known = labels.all().find((label) => label.key === key && label.value === value);
    return known ?? labels.add(new FakeLabel(key, value));
  }
}

interface Labelled {
  readonly id: string;
  readonly local_id: string;
  readonly labels: FakeLabel[];
}
