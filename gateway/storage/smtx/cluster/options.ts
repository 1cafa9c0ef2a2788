import type { CloudTower } from "../cloud-tower/client.ts";

export interface TowerHandsOptions {
  readonly tower: CloudTower;
  readonly clusterId: string;
  /** Only who is called so may log in to what is ours (W8). */
  readonly initiatorName: string;
  readonly chap?: { readonly user: string; readonly secret: string } | undefined;
  /** How often data are kept, of LUNs of ours. */
  readonly replicas: number;
}
