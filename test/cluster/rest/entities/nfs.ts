import { randomUUID } from "node:crypto";
import type { ZbsVolume } from "../../zbs/zbs.ts";
import { type FakeCluster, FakeEntity } from "./entity.ts";

/** An inode is called by the first three groups of a volume's id; a directory has no volume. */
const inodeIdOf = (volumeId: string): string => volumeId.split("-").slice(0, 3).join("-");

export class FakeNfsExport extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  description = "";
  ip_whitelist = "*";
  replica_num = 2;
  thin_provision = true;
  readonly internal = false;
  /** Of its root, which is not listed itself. */
  readonly export_inode_id: string = inodeIdOf(randomUUID());
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
    this.local_id = inodeIdOf(options.volume?.id ?? randomUUID());
  }

  get cluster(): FakeCluster {
    return this.nfs_export.cluster;
  }

  /** From the export on. */
  get path(): string {
    const parent = this.nfs_export.inodes.find(({ local_id: id }) => id === this.parent_id);
    return parent === undefined ? this.name : `${parent.path}/${this.name}`;
  }

  get file(): boolean {
    return this.volume !== undefined;
  }

  get unique_size(): number {
    return this.volume === undefined ? 0 : this.cluster.storage.zbs.uniqueBytes(this.volume);
  }
}
