import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { noise } from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import type { ClusterStandIn } from "../stand-in/stand-in.ts";
import type { ZbsVolume } from "../zbs/zbs.ts";

const volumeBytes = 512 * 1024;

/** What the customers of a cluster have: a LUN, a virtual volume, a VM with a disk, and a file. */
export class Customers {
  readonly #standIn: ClusterStandIn;

  private constructor(standIn: ClusterStandIn) {
    this.#standIn = standIn;
  }

  static async furnish(standIn: ClusterStandIn): Promise<Customers> {
    const customers = new Customers(standIn);
    const vm = { cpu: { cores: 1, sockets: 1 }, memory: 2 ** 30, firmware: "BIOS", ha: false } as const;
    await standIn.administration.createObjects([
      { kind: "lun", name: "their-lun", size: volumeBytes, target: "theirs", lunId: 4 },
      { kind: "volume", name: "their-volume", size: volumeBytes, sharing: false },
      {
        kind: "vm",
        name: "their-vm",
        ...vm,
        disks: [{ name: "their-disk", size: volumeBytes, bus: "VIRTIO" }],
        nics: [],
      },
      { kind: "nfs-file", name: "/exports/theirs/vm/their-file", size: volumeBytes },
    ]);
    for (const volume of customers.volumes()) writeFileSync(volume.path, noise(volumeBytes, seedOf(volume)));
    return customers;
  }

  async objects(driver: StorageDriver): Promise<readonly ObjectConfig[]> {
    return (await driver.inventory()).filter(({ name }) => name.startsWith("their-") && name !== "their-disk");
  }

  async file(driver: StorageDriver): Promise<ObjectConfig> {
    const files = (await driver.inventory()).filter(({ name }) => name.endsWith("/their-file"));
    return files[0] ?? assert.fail("their file is gone");
  }

  /** Those volumes that they have had from the beginning. */
  volumes(): readonly ZbsVolume[] {
    const { luns, vmVolumes, nfsInodes } = this.#standIn.tower.model;
    const lun = luns.all().find(({ name, iscsi_target: target }) => name === "their-lun" && !target.internal);
    const inside = vmVolumes.all().filter(({ name }) => name.startsWith("their-"));
    const file = nfsInodes.all().find(({ name }) => name === "their-file");
    return [lun, file, ...inside.map((volume) => volume.lun)].map((one) => one?.volume ?? assert.fail());
  }

  /** As the volume was furnished. @param id as the driver has it */
  contentOf(id: string): Buffer {
    return noise(volumeBytes, seedOf(this.#volume(id)));
  }

  contentNow(id: string): Buffer {
    return readFileSync(this.#volume(id).path);
  }

  /** Something else is in it. */
  change(id: string): void {
    writeFileSync(this.#volume(id).path, noise(volumeBytes, 1 + seedOf(this.#volume(id))));
  }

  /** Their VM gets another disk before its own one, and more memory. */
  async changeVm(): Promise<void> {
    const disks = [{ name: "new-disk", size: volumeBytes }, { volume: "their-disk" }];
    await this.#standIn.administration.updateObject({ kind: "vm", id: this.#vm().id }, { disks, memory: 2 ** 31 });
  }

  /** When their VM is as it was furnished: the other disk is a volume by itself, and goes. */
  async deleteTakenOut(): Promise<void> {
    const { memory, vm_disks: disks } = this.#vm();
    assert.equal(memory, 2 ** 30);
    assert.deepEqual(
      disks.map(({ vm_volume: volume }) => volume?.name),
      ["their-disk"],
    );
    const other = this.#standIn.tower.model.vmVolumes.all().find(({ name }) => name === "new-disk");
    if (other !== undefined) await this.#standIn.customer.deleteVolume(other.id);
  }

  /** Of the n-th volume of an object of this name. */
  madeContent(name: string, n: number): Buffer {
    const { luns, vmVolumes, vms, nfsInodes } = this.#standIn.tower.model;
    const file = nfsInodes.all().find((inode) => inode.name === name);
    if (file?.volume !== undefined) return readFileSync(file.volume.path);
    const lun =
      vmVolumes.all().find((volume) => volume.name === name)?.lun ??
      luns.all().find((one) => one.name === name) ??
      vms.all().find((vm) => vm.name === name)?.vm_disks[n]?.vm_volume?.lun ??
      assert.fail(`there is no ${name}`);
    return readFileSync(lun.volume.path);
  }

  #vm() {
    return this.#standIn.tower.model.vms.all().find(({ name }) => name === "their-vm") ?? assert.fail();
  }

  #volume(id: string): ZbsVolume {
    return this.#standIn.customer.zbsVolume(id.replace(/^volume-/, ""));
  }
}

/** Of its content; it stays the same as long as the volume lives. */
const seedOf = ({ id }: ZbsVolume): number => Number.parseInt(id.slice(0, 6), 16);
