import type { StorageCall } from "../../call.ts";

/** Something on the cluster that has a name of ours. */
export interface OurThing {
  readonly kind: (typeof remainKinds)[number];
  /** CloudTower's; of what it does not know, the cluster's own. */
  readonly id: string;
  readonly name: string;
  /** By what else a record may know it: the cluster's own ids, where a LUN is found. */
  readonly aliases: readonly string[];
  /** Of a group's snapshot: CloudTower's ids of the LUNs' that it consists of. */
  readonly parts?: readonly string[];
}

/** In the order in which they can be removed: what holds others first. */
export const remainKinds = [
  "vm",
  "group-snapshot",
  "group",
  "volume-snapshot",
  "vm-volume",
  "lun",
  "snapshot",
  "zbs-snapshot",
  "target",
  "folder",
] as const;

/** What of ours a cluster has, and how it is removed. */
export interface Remains {
  /**
   * @param volumes the cluster's ids of volumes that are asked themselves for snapshots, since
   *   CloudTower may not know all that they have
   */
  list(volumes: readonly string[], call?: StorageCall): Promise<readonly OurThing[]>;
  /** Idempotent. A target or a folder that is not empty stays. */
  remove(thing: OurThing, call?: StorageCall): Promise<void>;
}

/** Where a LUN is found, as records know it. */
export const placeOf = ({ iqn, lunId }: { readonly iqn: string; readonly lunId: number }): string => `${iqn} ${lunId}`;
