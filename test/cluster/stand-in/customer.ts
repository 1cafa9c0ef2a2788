import assert from "node:assert/strict";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { CreateVolumeOptions, VolumeHandle } from "../../../gateway/storage/volume-io.ts";
import type { FakeCluster } from "../rest/entities.ts";
import type { FakeTower } from "../rest/tower.ts";
import type { ZbsVolume } from "../zbs/zbs.ts";
import { PlainClient } from "./plain-client.ts";

const defaultTarget = "default";

/**
 * Whoever the cluster belongs to: makes volumes as its console would, and reads and writes them as
 * its hosts and VMs do. Ids are CloudTower's; a volume is also known by its ZBS id.
 */
export class Customer {
  readonly #tower: FakeTower;
  readonly #cluster: FakeCluster;
  readonly #client: PlainClient;

  constructor(tower: FakeTower, cluster: FakeCluster) {
    this.#tower = tower;
    this.#cluster = cluster;
    this.#client = new PlainClient(tower);
  }

  /** @returns the id of the LUN */
  async createVolume({ name, sizeBytes, geometry, lun }: CreateVolumeOptions): Promise<string> {
    const { stripeCount = 4, stripeBytes = 2 ** 16 } = geometry ?? {};
    const target = await this.#target(lun?.target ?? defaultTarget, { stripeCount, stripeBytes });
    const created = await this.#client.change("create-iscsi-lun", [
      {
        ...{ name, iscsi_target_id: target, replica_num: 2, assigned_size: sizeBytes },
        ...(lun?.lunId !== undefined && { lun_id: lun.lunId }),
      },
    ]);
    return created.id;
  }

  async renameVolume(id: string, name: string): Promise<void> {
    await this.#client.change("update-iscsi-lun", { where: { id }, data: { name } });
  }

  async deleteVolume(id: string): Promise<void> {
    await this.#client.change("delete-iscsi-lun", { where: { id }, data: { remove_snapshot: false } });
  }

  /** Straight at the storage, as whoever is served by it reads and writes. */
  openVolume(id: string): VolumeHandle {
    return new CustomersVolume(this.#volume(id));
  }

  #volume(id: string): ZbsVolume {
    const { luns } = this.#tower.model;
    return luns.find(id)?.volume ?? this.#cluster.storage.zbs.find(id) ?? assert.fail(`there is no ${id}`);
  }

  /** A target of this name with these stripes, which is made where it is missing. */
  async #target(name: string, of: { readonly stripeCount: number; readonly stripeBytes: number }): Promise<string> {
    const cluster = this.#cluster;
    const known = this.#tower.model.targets.all().find((target) => {
      const isLike = target.stripe_num === of.stripeCount && target.stripe_size === of.stripeBytes;
      return target.cluster === cluster && target.name === name && isLike;
    });
    if (known !== undefined) return known.id;
    const created = await this.#client.change("create-iscsi-target", [
      {
        ...{ name, cluster_id: cluster.id, replica_num: 2, thin_provision: true },
        ...{ stripe_num: of.stripeCount, stripe_size: of.stripeBytes },
      },
    ]);
    return created.id;
  }
}

/** A call is done when it returns its promise, so a snapshot has all of it or nothing. */
class CustomersVolume implements VolumeHandle {
  readonly #volume: ZbsVolume;
  readonly #fd: number;

  constructor(volume: ZbsVolume) {
    this.#volume = volume;
    this.#fd = openSync(volume.path, "r+");
  }

  get sizeBytes(): number {
    return this.#volume.sizeBytes;
  }

  get geometry(): ZbsVolume["striping"] {
    return this.#volume.striping;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const length = readSync(this.#fd, into, 0, into.byteLength, offset);
    into.fill(0, length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    assert(offset + data.byteLength <= this.sizeBytes, "a volume ends where it ends");
    writeSync(this.#fd, data, 0, data.byteLength, offset);
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.write(offset, new Uint8Array(length));
  }

  async flush(): Promise<void> {
    // Whatever was written is in its file already.
  }

  async close(): Promise<void> {
    closeSync(this.#fd);
  }
}
