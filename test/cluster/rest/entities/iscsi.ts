import type { ZbsVolume } from "../../zbs/zbs.ts";
import { type FakeCluster, FakeEntity } from "./entity.ts";

export class FakeTarget extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  readonly iqn_name: string;
  readonly luns: FakeLun[] = [];
  description = "";
  iqn_whitelist = "*/*";
  ip_whitelist = "*/*";
  chap_enabled = false;
  chap_name: string | null = null;
  chap_secret: string | null = null;
  replica_num = 2;
  thin_provision = true;
  stripe_num = 4;
  stripe_size: number = 256 * 1024;
  /** Of ELF, for virtual volumes. */
  readonly internal: boolean;
  readonly external_use: boolean;

  constructor(name: string, cluster: FakeCluster, isInternal = false) {
    super();
    this.name = name;
    this.cluster = cluster;
    this.iqn_name = `iqn.2016-02.com.smartx:system:${cluster.local_id.slice(0, 8)}-${this.local_id.slice(0, 8)}`;
    this.internal = isInternal;
    this.external_use = !isInternal;
  }

  get iscsi_luns_num(): number {
    return this.luns.length;
  }
}

export class FakeLun extends FakeEntity {
  name: string;
  readonly iscsi_target: FakeTarget;
  readonly lun_id: number;
  readonly volume: ZbsVolume;
  readonly snapshots: FakeLunSnapshot[] = [];
  consistency_group: FakeGroup | null = null;
  /** Bytes. */
  assigned_size: number;
  allowed_initiators = "*/*";

  constructor(options: { name: string; target: FakeTarget; lunId: number; volume: ZbsVolume }) {
    super();
    this.name = options.name;
    this.iscsi_target = options.target;
    this.lun_id = options.lunId;
    this.volume = options.volume;
    this.assigned_size = options.volume.sizeBytes;
    this.local_id = options.volume.id;
  }

  get cluster(): FakeCluster {
    return this.iscsi_target.cluster;
  }

  get zbs_volume_id(): string {
    return this.volume.id;
  }

  get stripe_num(): number {
    return this.volume.striping.stripeCount;
  }

  get stripe_size(): number {
    return this.volume.striping.stripeBytes;
  }

  get replica_num(): number {
    return this.iscsi_target.replica_num;
  }

  get thin_provision(): boolean {
    return this.iscsi_target.thin_provision;
  }

  get snapshot_num(): number {
    return this.snapshots.length;
  }

  get unique_size(): number {
    return this.cluster.storage.zbs.uniqueBytes(this.volume);
  }
}

export class FakeLunSnapshot extends FakeEntity {
  name: string;
  /** Absent until its task has ended. */
  volume: ZbsVolume | undefined;
  readonly iscsi_target: FakeTarget;
  iscsi_lun: FakeLun | null;
  consistency_group_snapshot: FakeGroupSnapshot | null = null;

  constructor(name: string, lun: FakeLun) {
    super();
    this.name = name;
    this.iscsi_lun = lun;
    this.iscsi_target = lun.iscsi_target;
    this.local_id = "";
  }

  /** Gives it what it is a snapshot of. */
  fill(volume: ZbsVolume): void {
    this.volume = volume;
    this.local_id = volume.id;
    this.entityAsyncStatus = null;
    this.iscsi_lun?.snapshots.push(this);
  }

  get cluster(): FakeCluster {
    return this.iscsi_target.cluster;
  }

  get unique_size(): number {
    return this.volume === undefined ? 0 : this.cluster.storage.zbs.uniqueBytes(this.volume);
  }
}

export class FakeGroup extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  description = "";
  readonly iscsi_luns: FakeLun[] = [];
  readonly consistency_group_snapshots: FakeGroupSnapshot[] = [];
  readonly namespaces: readonly never[] = [];
  readonly unique_size = 0;

  constructor(name: string, cluster: FakeCluster) {
    super();
    this.name = name;
    this.cluster = cluster;
  }
}

export class FakeGroupSnapshot extends FakeEntity {
  name: string;
  readonly consistency_group: FakeGroup;
  readonly snapshots: FakeLunSnapshot[] = [];
  readonly unique_size = 0;

  constructor(name: string, group: FakeGroup) {
    super();
    this.name = name;
    this.consistency_group = group;
  }

  get cluster(): FakeCluster {
    return this.consistency_group.cluster;
  }

  /** With the capital letter that the contract has. */
  get Iscsi_lun_snapshots(): readonly FakeLunSnapshot[] {
    return this.snapshots;
  }
}
