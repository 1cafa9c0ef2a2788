import { type FakeCluster, FakeEntity } from "./entity.ts";

/** A node of a cluster. */
export class FakeHost extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  readonly management_ip: string;
  readonly data_ip: string;
  readonly status = "CONNECTED_HEALTHY";
  readonly state = "IN_USE";

  constructor(name: string, cluster: FakeCluster, address: string) {
    super();
    this.name = name;
    this.cluster = cluster;
    this.management_ip = address;
    this.data_ip = address;
  }
}

/** Where a cluster keeps virtual volumes: a pool, as people see it. */
export class FakeDataStore extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  readonly description = "";
  readonly type = "ISCSI";
  readonly internal = false;
  readonly external_use = false;
  readonly ip_whitelist = "*/*";
  readonly replica_num = 2;
  readonly thin_provision = true;

  constructor(name: string, cluster: FakeCluster) {
    super();
    this.name = name;
    this.cluster = cluster;
  }
}

export class FakeStoragePolicy extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  readonly description = "";
  readonly replica_num: number;
  readonly thin_provision = true;

  constructor(name: string, cluster: FakeCluster, replicas: number) {
    super();
    this.name = name;
    this.cluster = cluster;
    this.replica_num = replicas;
  }

  get stripe_num(): number {
    return this.cluster.storage.volumeStriping.stripeCount;
  }

  get stripe_size(): number {
    return this.cluster.storage.volumeStriping.stripeBytes;
  }
}

/** One login of an initiator. */
export interface FakeConnection {
  readonly id: string;
  readonly cluster: FakeCluster;
  readonly host: FakeHost | undefined;
  readonly initiator_ip: string;
  readonly client_port: number;
  readonly type: "ISCSI";
  readonly iscsi_target: { readonly id: string; readonly name: string };
}
