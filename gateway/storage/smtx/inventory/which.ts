import type { CloudTower } from "../cloud-tower/client.ts";

export interface WhichCluster {
  readonly tower: CloudTower;
  readonly clusterId: string;
  /** Of its volumes. */
  readonly extentBytes: number;
}
