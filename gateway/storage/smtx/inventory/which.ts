import type { CloudTower } from "../cloud-tower/client.ts";
import type { FileVolumes } from "../ssh/file-volumes.ts";

export interface WhichCluster {
  readonly tower: CloudTower;
  /** Undefined: nobody may use the nodes' command line, which alone knows. */
  readonly fileVolumes?: FileVolumes | undefined;
  readonly clusterId: string;
  /** Of its volumes. */
  readonly extentBytes: number;
}
