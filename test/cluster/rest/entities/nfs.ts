import { randomUUID } from "node:crypto";
import type { ZbsVolume } from "../../zbs/zbs.ts";
import { type FakeCluster, FakeEntity } from "./entity.ts";

export class FakeNfsExport extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  description = "";
  ip_whitelist = "*";
  replica_num = 2;
  thin_provision = true;
  readonly internal = false;
  /** Of its root, which is not listed itself. */
  readonly export_inode_id: string = randomUUID();
  readonly inodes: FakeNfsInode[] = [];

  constructor(name: string, cluster: FakeCluster) {
    super();
    this.name = name;
    this.cluster = cluster;
  }
}

/** A directory, or a file, which is a volume. */
export class FakeNfsInode extends FakeEntity {
  name: string;
  readonly nfs_export: FakeNfsExport;
  /** The `local_id` of the directory that it is in. */
  parent_id: string;
  readonly volume: ZbsVolume | undefined;
  readonly local_updated_at: string = new Date().toISOString();
  /** Any length: the volume is rounded up. */
  assigned_size: number;

  constructor(options: {
    readonly name: string;
    readonly nfsExport: FakeNfsExport;
    readonly parentId: string;
    readonly volume?: ZbsVolume;
    readonly sizeBytes?: number;
  }) {
    super();
    this.name = options.name;
    this.nfs_export = options.nfsExport;
    this.parent_id = options.parentId;
    this.volume = options.volume;
    this.assigned_size = options.sizeBytes ?? 0;
    if (options.volume !== undefined) this.local_id = options.volume.id;
  }

  get cluster(): FakeCluster {
    return this.nfs_export.cluster;
  }

  get file(): boolean {
    return this.volume !== undefined;
  }

  get unique_size(): number {
    return this.volume === undefined ? 0 : this.cluster.storage.zbs.uniqueBytes(this.volume);
  }
}
