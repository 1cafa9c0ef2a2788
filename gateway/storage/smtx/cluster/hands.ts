import type { StorageCall } from "../../call.ts";

/*
 * What is done on the cluster, each so that it may be done again: what is there already under the
 * name is taken, since making twice makes two.
 */

/** A LUN by which bytes are read and written; ids are CloudTower's, but for the cluster's own. */
export interface LunRef {
  readonly lun: string;
  readonly zbsVolumeId: string;
  readonly target: string;
  readonly iqn: string;
  readonly lunId: number;
  readonly sizeBytes: number;
}

/** A target of ours; only this gateway's initiator may log in. */
export interface TargetWish {
  readonly name: string;
  readonly stripeCount: number;
  readonly stripeBytes: number;
}

export interface LunWish {
  readonly target: TargetWish;
  readonly name: string;
  /** Undefined: whichever the cluster gives it. */
  readonly lunId: number | undefined;
  readonly sizeBytes: number;
}

export interface TakenSnapshot {
  readonly snapshot: string;
  readonly zbsVolumeId: string;
}

export interface Hands {
  makeLun(wish: LunWish, call?: StorageCall): Promise<LunRef>;
  growLun(lun: string, sizeBytes: number, call?: StorageCall): Promise<void>;
  /** Makes a LUN what a snapshot of it, or of another, has. */
  rollBackLun(lun: string, snapshot: string, call?: StorageCall): Promise<void>;
  /** A LUN of ours with a snapshot's content, which shares it. */
  cloneSnapshot(of: { readonly snapshot: string; readonly name: string; readonly sizeBytes: number }, call?: StorageCall): Promise<LunRef>;
  /** Snapshots of LUNs at one instant. @returns by the LUNs */
  snapshotTogether(
    of: { readonly name: string; readonly luns: readonly string[] },
    call?: StorageCall,
  ): Promise<ReadonlyMap<string, TakenSnapshot>>;
  removeLun(lun: string, call?: StorageCall): Promise<void>;
  removeSnapshot(snapshot: string, call?: StorageCall): Promise<void>;
}
