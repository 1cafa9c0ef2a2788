import { randomBytes } from "node:crypto";
import { type FakeCluster, FakeEntity } from "./entity.ts";

export class FakeVds extends FakeEntity {
  name: string;
  readonly cluster: FakeCluster;
  readonly ovsbr_name: string = `ovsbr-${randomBytes(4).toString("hex")}`;
  readonly bond_mode = "active-backup";
  readonly type = "VM";
  readonly internal = false;
  readonly vlans: FakeVlan[] = [];

  constructor(name: string, cluster: FakeCluster) {
    super();
    this.name = name;
    this.cluster = cluster;
  }

  get vlans_num(): number {
    return this.vlans.length;
  }
}

export class FakeVlan extends FakeEntity {
  name: string;
  readonly vds: FakeVds;
  readonly vlan_id: number;
  readonly type = "VM";
  readonly mode_type = "VLAN_ACCESS";

  constructor(name: string, vds: FakeVds, vlanId: number) {
    super();
    this.name = name;
    this.vds = vds;
    this.vlan_id = vlanId;
  }

  get cluster(): FakeCluster {
    return this.vds.cluster;
  }

  get network_ids(): readonly string[] {
    return [String(this.vlan_id)];
  }
}
