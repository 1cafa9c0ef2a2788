import assert from "node:assert/strict";
import type { CreateVolumeOptions, VolumeHandle } from "../../../gateway/storage/volume-io.ts";
import type { FakeCluster } from "../rest/entities/entity.ts";
import type { FakeTarget } from "../rest/entities/iscsi.ts";
import type { FakeModel } from "../rest/model.ts";
import { lunDeletion, newLun } from "../rest/operations/luns.ts";
import { targetCreation } from "../rest/operations/targets.ts";
import { addVmVolume, removeVmVolume } from "../rest/operations/vm-volumes.ts";
import type { FakeChange } from "../rest/tasks.ts";
import type { Striping } from "../zbs/extent-table.ts";
import type { ZbsVolume } from "../zbs/zbs.ts";
import { CustomersVolume } from "./customers-volume.ts";

/** What names a thing of a cluster: CloudTower's id, or the cluster's own. */
export interface CustomersObject {
  readonly kind: "lun" | "volume" | "vm" | "nfs-file";
  readonly id: string;
}

const defaultTarget = "default";

/**
 * Whoever the cluster belongs to: makes volumes as its console would, and reads and writes them as
 * its hosts and VMs do. Ids may be CloudTower's, or the cluster's own (`local_id`).
 */
export class Customer {
  readonly model: FakeModel;
  readonly cluster: FakeCluster;

  constructor(model: FakeModel, cluster: FakeCluster) {
    this.model = model;
    this.cluster = cluster;
  }

  async createVolume({ name, kind, sizeBytes, geometry, lun }: CreateVolumeOptions): Promise<CustomersObject> {
    const striping = { ...this.cluster.storage.volumeStriping, ...geometry };
    if (kind === "volume") {
      const { id } = addVmVolume(this.model, this.cluster, { name, sizeBytes, striping });
      return { kind, id };
    }
    const target = await this.target(lun?.target ?? defaultTarget);
    const volume = () => this.cluster.storage.zbs.create(sizeBytes, striping);
    const made = newLun(this.model, { name, target, lunId: lun?.lunId, volume, sizeBytes });
    await this.do(made);
    return { kind, id: made.data.id };
  }

  /** A target of this name, which is made where it is missing. */
  async target(name: string, striping: Partial<Striping> = {}): Promise<FakeTarget> {
    const known = this.model.targets.all().find((target) => target.name === name && target.cluster === this.cluster);
    if (known !== undefined) return known;
    const { stripeCount: stripe_num = 4, stripeBytes: stripe_size = 2 ** 16 } = striping;
    const made = targetCreation(this.model, {
      ...{ name, cluster_id: this.cluster.id, replica_num: 2, thin_provision: true, stripe_num, stripe_size },
    });
    await this.do(made);
    return made.data;
  }

  /** A file's name is its path from the export on: only its last part can be another one. */
  renameVolume(id: string, name: string): void {
    const found = this.#named(id);
    found.name = name;
  }

  async deleteVolume(id: string): Promise<void> {
    const lun = this.#luns().find(isNamed(id));
    const volume = this.model.vmVolumes.all().find(isNamed(id));
    if (volume !== undefined) {
      assert(!volume.mounting, `${volume.name} is a VM's`);
      removeVmVolume(this.model, volume);
    } else if (lun !== undefined) {
      await this.do(lunDeletion(this.model, lun, false));
    } else {
      const inode = this.model.nfsInodes.all().find(isNamed(id)) ?? assert.fail(`there is no ${id}`);
      inode.nfs_export.inodes.splice(inode.nfs_export.inodes.indexOf(inode), 1);
      this.model.nfsInodes.delete(inode);
      if (inode.volume !== undefined) this.cluster.storage.zbs.delete(inode.volume);
    }
  }

  /** Straight at the storage, as whoever is served by it reads and writes; a snapshot too. */
  openVolume(id: string): VolumeHandle {
    return new CustomersVolume(this.zbsVolume(id));
  }

  zbsVolume(id: string): ZbsVolume {
    const lun = this.#luns().find(isNamed(id)) ?? this.model.vmVolumes.all().find(isNamed(id))?.lun;
    const inside =
      lun?.volume ??
      this.model.lunSnapshots.all().find(isNamed(id))?.volume ??
      this.model.nfsInodes.all().find(isNamed(id))?.volume ??
      this.cluster.storage.zbs.find(id);
    return inside ?? assert.fail(`there is no ${id}`);
  }

  /** Makes a change as the console does. @throws what its task failed with */
  async do(change: FakeChange): Promise<void> {
    const { tasks } = this.model;
    const task = tasks.begin(change);
    await tasks.settled(this.cluster);
    assert.equal(task.status, "SUCCESSED", task.error_message ?? "");
  }

  #named(id: string): { name: string } {
    const { vmVolumes, vms, nfsInodes } = this.model;
    return (
      vmVolumes.all().find(isNamed(id)) ??
      this.#luns().find(isNamed(id)) ??
      vms.all().find(isNamed(id)) ??
      nfsInodes.all().find(isNamed(id)) ??
      assert.fail(`there is no ${id}`)
    );
  }

  #luns() {
    return this.model.luns.all().filter(({ iscsi_target: target }) => !target.internal);
  }
}

export const isNamed =
  (id: string) =>
  (entity: { readonly id: string; readonly local_id: string }): boolean =>
    entity.id === id || entity.local_id === id;
