import type { CloudTower } from "../cloud-tower/client.ts";
import type { SshRunner } from "../ssh/runner.ts";

export interface TowerHandsOptions {
  readonly tower: CloudTower;
  /** Undefined: nobody may use the nodes' command line. */
  readonly ssh: SshRunner | undefined;
  readonly clusterId: string;
  /** Only who is called so may log in to what is ours (W8). */
  readonly initiatorName: string;
  readonly chap?: { readonly user: string; readonly secret: string } | undefined;
  /** How often data are kept, of what is made here. */
  readonly replicas: number;
}
