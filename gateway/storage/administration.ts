import type { ObjectConfig } from "../../core/api/object.ts";
import type { ObjectChange, ObjectSpec } from "../../core/api/object-spec.ts";
import type { StorageCall } from "./call.ts";
import type { ObjectId } from "./control.ts";

/** What names something that is no object by itself. */
export interface FacilityId {
  readonly kind: "pool" | "switch" | "nfs-export";
  readonly name: string;
}

/** What a document says of a pool (capacity in bytes, null for no limit), a switch or an export. */
export type FacilityDescription = Readonly<Record<string, unknown>>;

/** What a change of an object, or its deletion, takes away from it. */
export interface Loss {
  /** `disk web-data`, `shared volume quorum`, `CD-ROM tools.iso`, `NIC 52:54:00:12:34:56` */
  readonly what: string;
  /** The size of a volume that is deleted with what is in it. Absent: it is only taken out. */
  readonly deletedBytes?: number;
}

/**
 * What a cluster's own console does: objects are made, changed and switched on and off. For
 * clusters that are embedded here, which have no console of their own. Mirrors are refused (W8),
 * saying whose they are.
 */
export interface ClusterAdministration {
  /**
   * Makes what the documents describe, all of it or nothing, in their order. Pools,
   * switches and exports that are there already are from then on as they are described;
   * what is not said of them stays.
   * @returns the objects that were made
   * @throws OBJECT_NAME_TAKEN, OBJECT_IS_MIRROR, OBJECT_BUSY, POOL_UNKNOWN, POOL_FULL,
   *   SWITCH_UNKNOWN, EXPORT_UNKNOWN, VOLUME_UNKNOWN, BAD_REQUEST
   */
  createObjects(specs: readonly ObjectSpec[], call?: StorageCall): Promise<readonly ObjectConfig[]>;

  /**
   * Brings one object to what is described: what is not said stays. Disks and NICs are the ones
   * that are listed: a disk by its volume's name stays, a new one is made, one that is not listed
   * is taken out and its volume deleted where it was made with the VM. A VM that is on keeps its
   * CPUs, memory, firmware and disks.
   * @throws VOLUME_UNKNOWN, OBJECT_NAME_TAKEN, OBJECT_BUSY, OBJECT_IS_MIRROR,
   * VOLUME_TOO_SMALL, BAD_REQUEST, …
   */
  updateObject(id: ObjectId, change: ObjectChange, call?: StorageCall): Promise<ObjectConfig>;

  /**
   * What `updateObject` or `deleteObject` would take away, of a VM.
   * @throws VOLUME_UNKNOWN, OBJECT_BUSY, OBJECT_IS_MIRROR
   */
  losses(id: ObjectId, change: ObjectChange | "delete", call?: StorageCall): Promise<readonly Loss[]>;

  /**
   * Its snapshots stay. A VM, which has to be off, goes with the volumes that were made with it.
   * @throws VOLUME_UNKNOWN, OBJECT_BUSY, OBJECT_IS_MIRROR
   */
  deleteObject(id: ObjectId, call?: StorageCall): Promise<void>;

  /** What a pool, a switch or an export is now; undefined where there is none. */
  describeFacility(of: FacilityId, call?: StorageCall): Promise<FacilityDescription | undefined>;

  /**
   * Takes a pool, a switch or an export away, which nothing uses any more. NICs of mirrors that are
   * connected to the switch are disconnected.
   * @throws POOL_UNKNOWN, SWITCH_UNKNOWN, EXPORT_UNKNOWN, OBJECT_BUSY, BAD_REQUEST (it
   * is the pool `default`)
   */
  deleteFacility(of: FacilityId, call?: StorageCall): Promise<void>;

  /** Idempotent. @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, BAD_REQUEST (it is no VM) */
  setPower(id: ObjectId, power: "on" | "off", call?: StorageCall): Promise<ObjectConfig>;

  /** Labels by key; null takes one away. @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, BAD_REQUEST */
  setLabels(id: ObjectId, labels: Readonly<Record<string, string | null>>, call?: StorageCall): Promise<ObjectConfig>;
}
