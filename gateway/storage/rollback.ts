import type { GroupId, Instant } from "../../core/api/ids.ts";
import type { StorageCall } from "./call.ts";
import type { ObjectId, Owner } from "./control.ts";

/**
 * The part of the storage port by which objects become again what they were (W12). What a restore
 * has made, and a group has only by the id of the object that it stands for, is that one in the
 * group.
 */
export interface RollbackControl {
  /**
   * What of these objects is other now than the group has it; nothing is changed. Those that are
   * not there any more are left out. It goes by extents: one that was written again with the same
   * bytes need not count.
   * @throws NOT_OURS
   */
  changesSince(of: ChangesSinceOptions, call?: StorageCall): Promise<readonly ObjectChanges[]>;

  /** Idempotent. @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, BAD_REQUEST (it is no VM) */
  powerOff(object: ObjectId, call?: StorageCall): Promise<void>;

  /**
   * Idempotent. @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, BAD_REQUEST (it is no VM),
   * ROLLBACK_UNFINISHED
   */
  powerOn(object: ObjectId, call?: StorageCall): Promise<void>;

  /**
   * Makes objects what a group of this site has of them: their bytes and size, of a VM its disks,
   * NICs and resources. Their ids stay, and so do names, labels and places. A disk that a VM has
   * got since is taken out, and kept as a volume by itself; one that it lacks comes back.
   *
   * Where the cluster can swap, all objects become it in one instant, or none does. Elsewhere they
   * are written in place: that it has begun is durable before the first write, and until it has
   * ended nobody can read, write, snapshot or switch on any of them (ROLLBACK_UNFINISHED). Called
   * again with the same key it goes on where it was.
   *
   * Idempotent by `key`: done once, it is not done again, whatever was written since.
   * @throws OBJECT_GONE (one was deleted since), OBJECT_BUSY (a VM is on, or somebody writes),
   *   CHANGED_SINCE, SNAPSHOT_UNKNOWN, GROUP_DAMAGED, NOT_OURS, POOL_FULL, ROLLBACK_UNFINISHED
   *   (another one of these objects), ROLLBACK_ENDED (it was undone before it was done); then
   *   nothing has changed
   */
  rollback(options: RollbackOptions, call?: StorageCall): Promise<readonly RolledBack[]>;

  /**
   * Ends a rollback that is not done, for good: what was written in place becomes again what the
   * safety group has, and the key is over. Idempotent. @throws SNAPSHOT_UNKNOWN, NOT_OURS
   * @returns whether it was done before it could be undone; then it stays done
   */
  undoRollback(
    of: { readonly key: GroupId; readonly owner: Owner },
    call?: StorageCall,
  ): Promise<{ readonly wasDone: boolean }>;

  /** Rollbacks of any of these objects that have begun to write in place, and have not ended. */
  unfinishedRollbacks(
    objects: readonly ObjectId[],
    call?: StorageCall,
  ): Promise<readonly { readonly key: GroupId; readonly owner: Owner }[]>;
}

export interface ChangesSinceOptions {
  readonly owner: Owner;
  readonly groupId: GroupId;
  readonly objects: readonly ObjectId[];
}

export interface ObjectChanges extends ObjectId {
  readonly name: string;
  /** Of all its volumes that the group has. Undefined: the group is not here, so nobody knows. */
  readonly extents: number | undefined;
  /**
   * Until then it was still as the group has it, as far as the owner's groups that are here tell.
   * Undefined where nothing has changed, or nobody knows.
   */
  readonly since: Instant | undefined;
  readonly usedBy: ObjectUse | undefined;
}

/** Why an object can't be rolled back now. */
export interface ObjectUse {
  /** `the VM “web” is on` */
  readonly why: string;
  /** The VM that would have to be switched off, where that is it. */
  readonly vmId?: string;
}

export interface RollbackOptions {
  /** Names the rollback, and is its safety group: it has the present state. */
  readonly key: GroupId;
  readonly owner: Owner;
  /** What the objects become. */
  readonly from: { readonly groupId: GroupId; readonly owner: Owner };
  readonly objects: readonly ObjectId[];
  /** Else it is refused when anything has changed since the group was taken (I12). */
  readonly discardChanges: boolean;
  /**
   * Another group of the owner's, that the objects are expected to be now: with that, and without
   * `discardChanges`, it is refused when anything has changed since then, or nobody knows.
   */
  readonly unchangedSince?: GroupId;
}

/** What is to be known of an object that was rolled back. */
export interface RolledBack extends ObjectId {
  readonly name: string;
  /** Disks that its VM has no more; they are volumes by themselves now. */
  readonly takenOut: readonly string[];
  /** Disks that had been deleted, and are there again. */
  readonly cameBack: readonly string[];
  /** Extents that were written after the safety group was taken, and are in no group. */
  readonly lostExtents: number;
}
