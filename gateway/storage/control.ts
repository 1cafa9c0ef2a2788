import type { ToldPlan } from "../../core/api/adoption/told-plan.ts";
import type { Space } from "../../core/api/deletion/space.ts";
import type { VisibleError } from "../../core/api/errors.ts";
import type { Facilities } from "../../core/api/facilities.ts";
import type { KeptGroup, ManifestProof } from "../../core/api/foreign/proof.ts";
import type { GroupId, Instant, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import type { MirrorSet } from "../../core/api/mirror-set.ts";
import type { ObjectKind } from "../../core/api/object/common.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { Mapping, ObjectConfig } from "../../core/api/object.ts";
import type { Reason } from "../../core/api/reason.ts";
import type { RebuildWay } from "../../core/api/restore/way.ts";
import type { RebuildWishes } from "../../core/api/restore/wishes.ts";
import type { GoneObject } from "../../core/api/task.ts";
import type { StorageCall } from "./call.ts";
import type { CreateVolumeOptions, SnapshotHandle, SnapshotShape } from "./volume-io.ts";

/**
 * The first half of the storage port: what a cluster has, its snapshots and its mirrors, but
 * none of their bytes.
 */
export interface StorageControl {
  /** What the cluster can, and how exactly. It does not change while the driver is open. */
  caps(call?: StorageCall): Promise<StorageCaps>;

  /** Pools and virtual switches as they are now, and the kinds of object that can be protected. */
  facilities(call?: StorageCall): Promise<Facilities>;

  /** All objects, mirrors too (they carry `origin.role` "mirror"), but not snapshots. */
  inventory(call?: StorageCall): Promise<readonly ObjectConfig[]>;

  /**
   * Those of these objects that are there, mirrors too, in any order. It costs what is asked for,
   * not what the cluster has.
   */
  findObjects(ids: readonly ObjectId[], call?: StorageCall): Promise<readonly ObjectConfig[]>;

  /**
   * Makes an empty, thin volume. The size is rounded up to whole extents times stripes inside, and
   * stays as given outside.
   * @throws VOLUME_NAME_TAKEN, OBJECT_IS_MIRROR (the iSCSI target is a mirror's), BAD_REQUEST (a
   *   name, a size or a geometry that can't be)
   */
  createVolume(options: CreateVolumeOptions, call?: StorageCall): Promise<ObjectConfig>;

  /**
   * Gives a volume's object another name; a file's is its whole path, and moves it. Plans know it
   * by its id, and go on.
   * @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN (of a file),
   *   BAD_REQUEST (a name that can't be)
   */
  renameVolume(volumeId: string, name: string, call?: StorageCall): Promise<ObjectConfig>;

  /**
   * Its snapshots stay.
   * @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_BUSY, OBJECT_BUSY (it is a disk of a VM)
   */
  deleteVolume(volumeId: string, call?: StorageCall): Promise<void>;

  /**
   * One snapshot of each volume, all at the same instant where the cluster can, all or nothing
   * (W5). Idempotent: a group
   * that exists with the same id, owner and number is returned as it is. A group that was deleted
   * is not made again.
   * @throws VOLUME_UNKNOWN, NOT_OURS (the id belongs to another owner), GROUP_EXISTS (to another
   *   run of the same slot), GROUP_STALE (`sequence` is not above that of the newest group that was
   *   ever taken for the owner, or the group was for a rollback that has ended),
   *   ROLLBACK_UNFINISHED (one of them is being rolled back in place), BAD_REQUEST (two of them
   *   would be one volume of the source's)
   */
  snapshotGroup(options: SnapshotGroupOptions, call?: StorageCall): Promise<SnapshotGroup>;

  /**
   * What restores with these keys have made here in the owner's name, each with the object that it
   * stands for; of several of one object, that of the last of the keys. What was deleted since is
   * among them, without what it is now.
   */
  standIns(of: StandInsOptions, call?: StorageCall): Promise<readonly StandIn[]>;

  /** @returns the group with all that it keeps, or undefined */
  findGroup(groupId: GroupId, call?: StorageCall): Promise<SnapshotGroup | undefined>;

  /** The newest group that was taken here of the owner's objects, and that is there still. */
  newestSourceGroup(owner: Owner, call?: StorageCall): Promise<SnapshotGroup | undefined>;

  /**
   * Of those of these objects that any of the owner's source groups has which are there still, the
   * number of the newest.
   */
  lastSequences(
    options: { readonly owner: Owner; readonly objects: readonly ObjectId[] },
    call?: StorageCall,
  ): Promise<readonly LastSequence[]>;

  /**
   * All groups that carry the owner's tag, published mirrors and source groups alike. One whose
   * deletion has begun is not among them, also when not all of it is gone yet.
   */
  listGroups(owner: Owner, call?: StorageCall): Promise<readonly ListedGroup[]>;

  /**
   * Deletes the group's snapshots and gives back the space that only they held. Idempotent: a group
   * that isn't there is deleted.
   * @throws NOT_OURS when the group doesn't carry `owner` (I5), ROLLBACK_UNFINISHED (one that has
   *   begun to write needs it)
   */
  deleteGroup(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void>;

  /**
   * Removes all mirrors of the owner, and gives back the space that only they held; groups stay.
   * Whoever writes to them is refused from now on, as is every run whose number is not above this
   * one, however late it comes. What is no mirror, or another owner's, stays, and so does what a
   * run above that number has prepared or begun. Idempotent.
   */
  releaseMirrors(options: { readonly owner: Owner; readonly sequence: number }, call?: StorageCall): Promise<void>;

  /**
   * How much space it gives back to delete these of the owner's groups, and to release its mirrors
   * where that is asked for. Nothing is changed. It takes seconds at most, and says where it has
   * stopped looking. Undefined where the cluster can't tell.
   */
  spaceOf(options: SpaceOptions, call?: StorageCall): Promise<Space | undefined>;

  /** Asks nobody but the records. @throws as `openSnapshot` */
  snapshotShape(wanted: WantedSnapshot, call?: StorageCall): Promise<SnapshotShape>;

  /**
   * Makes a snapshot readable, by whatever process and thread has the handle, until it is closed.
   * Many may be open of one snapshot. What a process that died had open is taken back by `tend`.
   * @throws SNAPSHOT_UNKNOWN (it isn't there, or not in the group that it is to be of), NOT_OURS
   *   when the snapshot or the group doesn't carry the owner
   */
  openSnapshot(wanted: WantedSnapshot, call?: StorageCall): Promise<SnapshotHandle>;

  /** Readers that are open can't be relied on afterwards. Idempotent. */
  closeSnapshot(handle: SnapshotHandle, call?: StorageCall): Promise<void>;

  /**
   * Makes the mirror of an object, or brings the one that is there up to date (name, size, place,
   * disks, NICs), all or nothing. Idempotent by (owner, object id); a volume that several objects
   * have has one mirror. The mirror has the object's geometry, a LUN its LUN id in a mirror target,
   * a file its path in a mirror export, a VM its resources, disks and NICs, switched off and
   * connected as it is mapped (W6, W7). Once the run's group is published, nothing is changed any
   * more. Where a run prepares it, the object's configuration and its mapping are kept for the
   * run's group, until that is published or aborted, or can't be published any more, as another one
   * is written to the mirror or prepared before it was written.
   *
   * It also grants the run's group to its sender, on each of the volumes, durably: a volume has one
   * grant, of the newest run that prepared it. A grant ends when its group is published or aborted,
   * or another takes its place; who wrote by an older one is refused from then on.
   * @throws GROUP_EXISTS (the group belongs to another run of the same slot), GROUP_STALE (a newer
   *   run has been here), POOL_UNKNOWN, POOL_FULL, SWITCH_UNKNOWN, OBJECT_NAME_TAKEN (the mirror
   *   target or export has the name of one that is none), OBJECT_KIND_UNSUPPORTED, BAD_REQUEST (a
   *   size or a geometry that can't be)
   */
  prepareMirror(options: PrepareMirrorOptions, call?: StorageCall): Promise<readonly MirrorVolume[]>;

  /**
   * A mirror volume by its id: whose it is, its shape, and who is to write it. It costs the same
   * however much the cluster has.
   */
  findMirrorVolume(mirrorVolumeId: string, call?: StorageCall): Promise<OwnedVolume | undefined>;

  /**
   * Begins or goes on with the writing of a group to a mirror volume. Raises the volume's epoch,
   * durably, so whoever was writing before is refused from now on (I6). When the volume's session
   * is of the same group and base, the extents that were committed stay done; otherwise the volume
   * is first set back to the base group's snapshot of it (or to empty).
   * @throws VOLUME_UNKNOWN, NOT_OURS, BASE_MISSING, GROUP_EXISTS (it is published: there is nothing
   *   left to write), GROUP_ABORTED, GROUP_STALE (`sequence` is not above the newest published, or
   *   below that of the group being written or granted), NOT_GRANTED (the volume's grant is not of
   *   this group, number and sender), BAD_REQUEST (larger than the mirror was prepared for, or of
   *   another geometry); then nothing has changed
   */
  openMirror(options: OpenMirrorOptions, call?: StorageCall): Promise<MirrorSession>;

  /**
   * Every extent that differs has been committed: the mirror now equals the snapshot. Idempotent.
   * Where mirrors are written in place none is written after that: FENCED.
   * @throws FENCED; GROUP_INCOMPLETE where an extent was begun in place and not committed
   */
  completeMirror(
    options: { readonly mirrorVolumeId: string; readonly epoch: number },
    call?: StorageCall,
  ): Promise<void>;

  /**
   * Fences off whoever writes the group to any of the owner's mirrors; it can't be prepared, opened
   * or published afterwards, and the restore that it names rebuilds nothing more. Idempotent.
   */
  abortGroup(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void>;

  /**
   * Whether that was done, by any gateway of the site. Who reads a group for long in the name of
   * another one, as an attachment does, asks that of its own.
   */
  isAborted(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<boolean>;

  /**
   * Removes what was brought here for a restore: the group, its mirrors, and whatever else carries
   * the restore's tag but what was rebuilt. It is aborted as well, so no late copy of a task makes
   * any of it again. Idempotent.
   * @throws NOT_OURS when the owner has something here and is no restore's; then nothing is changed
   */
  dropStaged(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void>;

  /**
   * Snapshots the mirrors that were opened for a group as one group, and keeps the foreign plan's
   * manifest with it, all or nothing (I2): its objects and mappings as they were prepared for it.
   * Mirrors of the owner that neither it nor a newer run has are removed; their snapshots stay.
   * Idempotent: a group that exists with the same id, owner, number, instant and mirrors is
   * returned as it is. One that was deleted is not made again.
   * @throws GROUP_INCOMPLETE when a mirror isn't complete for this group, the mirrors are not those
   *   that are meant, or an object is not kept, GROUP_ABORTED, NOT_OURS, GROUP_EXISTS (a group of
   *   this id is there, and it is not the same), GROUP_STALE (it was published before, and is gone,
   *   or a newer one was)
   */
  publishGroup(options: PublishGroupOptions, call?: StorageCall): Promise<SnapshotGroup>;

  /**
   * The manifests of foreign plans on this site, the newest group of each first: what is there when
   * all else is gone (W3). @throws STORE_TOO_NEW, STORE_CORRUPT
   */
  manifests(
    call?: StorageCall,
  ): Promise<readonly { readonly groupId: GroupId; readonly owner: Owner; readonly manifest: Manifest }[]>;

  /**
   * Every group that was published here but restores', each plan's newest first, with what its
   * gateway has proved of it. No manifest is looked into: `foreignManifest` gives one.
   */
  foreignGroups(call?: StorageCall): Promise<readonly ForeignGroup[]>;

  /**
   * The manifest of a group that was published here, byte for byte as it is kept; undefined where
   * there is none.
   */
  foreignManifest(groupId: GroupId, call?: StorageCall): Promise<string | undefined>;

  /**
   * An object of a group that is here: of a published one as its manifest has it, of a source group
   * as it was told to keep it. Undefined where there is no such group, or no such object in it. It
   * costs the same however many the group has, but for reading the manifest.
   * @throws STORE_TOO_NEW, STORE_CORRUPT
   */
  objectOfGroup(
    of: { readonly groupId: GroupId; readonly object: ObjectId },
    call?: StorageCall,
  ): Promise<ObjectConfig | undefined>;

  /**
   * An ordinary object from snapshots of a group, sharing their data: fast, whatever the size.
   * Idempotent by `key` and the object; one that was deleted is not made again. In one restore, a
   * volume that is an object by itself and a VM's as well is made once, whichever comes first: it
   * is the VM's, and goes with it. Of the restore's volumes that have one name, all but one get a
   * number. A LUN lies in the target, and a file in the export, that its source lay in, made where
   * it is missing. A VM is switched off, with new MAC addresses and its NICs connected as the
   * group's manifest maps them, in a source group as they were. Its disks' names have before them
   * what its own has before its source's. What `wishes` has is otherwise; a VM is switched on once,
   * when it is made. Where damage is known in the snapshots it is refused unless `evenDamaged`;
   * reading what is damaged fails then.
   * @throws SNAPSHOT_UNKNOWN, NOT_OURS (the group is another owner's), VOLUME_NAME_TAKEN,
   *   OBJECT_NAME_TAKEN (of a VM or a file), BAD_REQUEST (no name of a file), VOLUME_UNKNOWN (it
   *   was made, and is deleted), GROUP_DAMAGED, OBJECT_IS_MIRROR (the iSCSI target or the export
   *   that it would lie in is a mirror's), POOL_UNKNOWN, POOL_FULL, SWITCH_UNKNOWN (of
   *   `wishes`), MAC_ADDRESS_TAKEN (one that is to be kept and connected is another VM's),
   *   LUN_ID_TAKEN (one that is to be kept), OBJECT_BUSY (another VM has got a volume of the VM's),
   *   GROUP_ABORTED (the group that the key is was aborted: the restore is over); then nothing is
   *   made
   */
  rebuildObject(options: RebuildObjectOptions, call?: StorageCall): Promise<ObjectConfig>;

  /**
   * Whatever `rebuildObject` would be refused with now, but for a full pool; nothing is made. None
   * of an object that the restore has made already.
   */
  rebuildObstacles(options: RebuildObjectOptions, call?: StorageCall): Promise<readonly VisibleError[]>;

  /**
   * How each of these objects of a group would be made again here, and how long that takes, as far
   * as the cluster can tell beforehand.
   */
  rebuildWays(objects: readonly ObjectConfig[], call?: StorageCall): Promise<readonly RebuildWay[]>;

  /**
   * Deletes an object that a restore has made here, with the disks that were made with it, and
   * gives back the space that only they held. Idempotent: what isn't there is deleted, and is not
   * made again by a late copy of the restore's task.
   * @throws NOT_OURS (the restore of that key and owner has not made it), OBJECT_BUSY (a VM that is
   *   on, a volume that a VM has, or that somebody writes), ROLLBACK_UNFINISHED, CHANGED_SINCE (it
   *   is not what `unchangedSince` has of it, or nobody knows); then nothing is changed
   */
  deleteRebuilt(options: DeleteRebuiltOptions, call?: StorageCall): Promise<void>;

  /**
   * Of every snapshot in which damage was found, whoever read it, and not mended since: how much of
   * it. Undefined where the cluster doesn't remember such things.
   */
  damage(call?: StorageCall): Promise<readonly GroupDamage[] | undefined>;
}

export interface StorageCaps {
  /** Which kinds of object it can snapshot, and make mirrors of. */
  readonly kinds: readonly ObjectKind[];
  /**
   * How far apart the snapshots of one group are at most, in microseconds (W5). Null: that can't be
   * told beforehand; a group of more than one instant has a warning of how far it is.
   */
  readonly groupSkewMicroseconds: number | null;
  /** Snapshots have an extent map: what has not changed is known without a look at it. */
  readonly extentMap: boolean;
  /** A LUN's id can be chosen (W6). */
  readonly chosenLunId: boolean;
  /**
   * An extent of a mirror becomes what was written, or stays; elsewhere a writer that is
   * cut leaves some of it.
   */
  readonly atomicExtents: boolean;
  /** A rollback takes place in one instant; elsewhere it is written in place. */
  readonly swap: boolean;
}

/** What names an object on its cluster. */
export type ObjectId = Pick<ObjectConfig, "kind" | "id">;

/** Damage in one group's snapshot of a volume. */
export interface GroupDamage {
  readonly groupId: GroupId;
  /** The volume as the source calls it. */
  readonly sourceVolumeId: string;
  /** The object's name, where it is known here. */
  readonly name: string;
  /** In how many of the volume's extents. */
  readonly extents: number;
}

/**
 * The tag on everything this product makes on a cluster: the plan, and the site
 * that the plan protects.
 */
export interface Owner {
  readonly planId: PlanId;
  readonly source: SiteId;
}

export interface SnapshotGroupOptions {
  readonly groupId: GroupId;
  readonly owner: Owner;
  readonly volumeIds: readonly string[];
  /** The number of the run. A group that no run takes has none, and no order. */
  readonly sequence?: number;
  /**
   * What is snapshotted, as it is now: kept with the group, so that it is still known when the
   * object is gone.
   */
  readonly objects?: readonly ObjectConfig[];
  /**
   * Of each of `objects`, the index among the plan's entries of the one that it
   * is in the group for.
   */
  readonly because?: readonly number[];
  /** What else is known of how it was taken; kept too. */
  readonly gone?: readonly GoneObject[];
  readonly warnings?: readonly Reason[];
  readonly planName?: string;
  /** So long it is kept, whatever else goes; kept too. */
  readonly keepUntil?: Instant;
  /**
   * Volumes that stand for others: in the group they are those. `objects` have the ids of these.
   */
  readonly standsFor?: readonly StoodFor[];
  /**
   * Of each of `objects`, what it is connected to here where it names the switches of another
   * cluster; null: of its own. Kept too.
   */
  readonly mappings?: readonly (Mapping | null)[];
}

/** A volume that was made here, and the one that it stands for. */
export interface StoodFor {
  readonly volumeId: string;
  /** As the cluster of the object that it stands for calls it. */
  readonly homeId: string;
}

export interface StandInsOptions {
  readonly owner: Owner;
  /** Of restores, as they have made what they made. */
  readonly keys: readonly string[];
  /** Only what stands for these. It costs what is asked for then. Absent: all. */
  readonly objects?: readonly ObjectId[];
}

/** What a restore has made, which may stand for what it was made of. */
export interface StandIn {
  /** Names the restore. */
  readonly key: string;
  /** The object that it stands for, as the group had it. */
  readonly home: ObjectConfig;
  /** As it is now; undefined: it was deleted. */
  readonly object: ObjectConfig | undefined;
  /** What it was called when it was made. */
  readonly madeName: string;
  /** The volumes that were made with it, also those that are gone. */
  readonly volumes: readonly StoodFor[];
}

export interface PrepareMirrorOptions {
  readonly owner: Owner;
  readonly object: ObjectConfig;
  /**
   * Where the mirror lies and what it is connected to; kept with it, and part of
   * the group's manifest.
   */
  readonly mapping?: Mapping;
  /**
   * The run that prepares the mirror, so that a late copy of its task is told from one that counts,
   * and the object's index in it.
   */
  readonly run?: Grant & { readonly index: number };
  /** The restore that the owner is of; absent: it is a plan. */
  readonly staged?: Staged;
  /** Told what the cluster refuses of it that keeps no data back. */
  readonly onWarning?: (warning: Reason) => void;
}

/**
 * `key` and `owner`: of the restore, as it made it. `object`: what it made, as the cluster calls
 * it.
 */
export interface DeleteRebuiltOptions {
  readonly key: string;
  readonly owner: Owner;
  readonly object: ObjectId;
  /** Only while nothing goes with it that is not in this group of the owner's, byte for byte. */
  readonly unchangedSince?: GroupId;
}

/** What may be deleted. Groups that are not there, or not the owner's, give back nothing. */
export interface SpaceOptions {
  readonly owner: Owner;
  readonly groups: readonly GroupId[] | "all";
  readonly mirrors: boolean;
  /** What a restore has made. What it has not gives back nothing. */
  readonly restored?: { readonly key: string; readonly objects: readonly ObjectId[] } | undefined;
}

/**
 * What is brought to a site for a restore has an owner that lasts as long as the restore does, so
 * that it has nothing to do with what the site has of the plan.
 */
export interface Staged {
  /** By this it is known to whoever meets its mirrors. */
  readonly restoreId: RunId;
  /** A group of this site from which its mirrors may start, though it is another owner's. */
  readonly seed: { readonly groupId: GroupId; readonly owner: Owner } | null;
}

/** A snapshot by its id, and what it is taken for; or a group's of a volume of its source's. */
export type WantedSnapshot =
  | {
      readonly snapshotId: string;
      /** What a run sends is of its own plan. Anybody may read at the cluster itself. */
      readonly of: OfGroup | "anybody";
    }
  | { readonly sourceVolumeId: string; readonly of: OfGroup };

/** Of which group it is to be, and whose that is. */
interface OfGroup {
  readonly groupId: GroupId;
  readonly owner: Owner;
}

/**
 * What the control plane has told the receiving site: which group a mirror volume takes next, and
 * the site whose gateways send it. That need not be the site that the plan protects.
 */
export interface Grant {
  readonly groupId: GroupId;
  readonly sequence: number;
  readonly sender: SiteId;
}

export interface SnapshotGroup {
  readonly groupId: GroupId;
  readonly owner: Owner;
  /** The number of the run that made it; null where that was not kept. */
  readonly sequence: number | null;
  /** The instant of the source's snapshot. */
  readonly takenAt: Instant;
  /** What was snapshotted, as the source had it; null on a target, and where that was not kept. */
  readonly objects: readonly ObjectConfig[] | null;
  /** Of a source group, as it was told to keep it; absent where it was told nothing. */
  readonly because?: readonly number[];
  readonly gone?: readonly GoneObject[];
  readonly warnings?: readonly Reason[];
  readonly planName?: string;
  readonly keepUntil?: Instant;
  readonly snapshots: readonly GroupSnapshot[];
}

export interface GroupSnapshot {
  readonly volumeId: string;
  /** The volume as the source calls it, and as the manifest does: at the source, the same. */
  readonly sourceVolumeId: string;
  readonly snapshotId: string;
  readonly sizeBytes: number;
}

/** The number of the newest group that has an object. */
export interface LastSequence extends ObjectId {
  readonly sequence: number;
}

/** A group in a list: what tells it from another one of the same id, and how much it is. */
export interface ListedGroup extends Pick<SnapshotGroup, "groupId" | "sequence" | "takenAt" | "keepUntil"> {
  readonly volumeCount: number;
  readonly sizeBytes: number;
}

export interface MirrorVolume {
  readonly sourceVolumeId: string;
  readonly mirrorVolumeId: string;
}

/** A mirror volume as it is now. */
export interface OwnedVolume {
  readonly owner: Owner;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  /** Undefined: nobody is to write it now. */
  readonly grant: Grant | undefined;
}

/** What is to be written, and the site that sends it, as its certificate says. */
export interface OpenMirrorOptions extends Grant {
  readonly owner: Owner;
  readonly mirrorVolumeId: string;
  /**
   * The published group whose state the writing starts from, or of a restore its seed; null: from
   * nothing.
   */
  readonly baseGroupId: GroupId | null;
  /** Of what is written, as the mirror was prepared for it. */
  readonly sizeBytes: number;
  readonly geometry: Geometry;
}

export interface MirrorSession {
  readonly epoch: number;
  /** Extents that were committed for this group before. */
  readonly done: readonly number[];
  /**
   * Extents that were found damaged: what they are is to be sent in full, whatever the base is.
   * None of them is `done`.
   */
  readonly damaged: readonly number[];
  /**
   * Extents that somebody has begun to write in place for this group, and not committed. None of
   * them is `done` or `damaged`, and none is the base's before it is committed, also where nothing
   * differs.
   */
  readonly begun: readonly number[];
  readonly complete: boolean;
}

export interface PublishGroupOptions {
  readonly groupId: GroupId;
  readonly owner: Owner;
  readonly sequence: number;
  /** The instant of the source's snapshot. */
  readonly takenAt: Instant;
  /** The mirrors that it is to consist of: all that were opened for it, and no others. */
  readonly mirrors: MirrorSet;
  /**
   * For the manifest, as are the objects, in their order; null: as it was prepared for the group.
   */
  readonly planName: string;
  readonly objects: readonly (ObjectConfig | null)[];
  readonly plan?: ToldPlan | undefined;
  /**
   * Signs what is kept, while it is made: what it gives is kept with the manifest. It is asked once
   * in a call at most, and not where the group is there. Absent, or undefined: unsigned.
   */
  readonly prove?: (group: KeptGroup) => ManifestProof | undefined;
}

/** A published group, and how it is proved. */
export interface ForeignGroup {
  readonly group: KeptGroup;
  /** Of its volumes, as far as they reach. */
  readonly sizeBytes: number;
  readonly planName: string;
  /** Absent: it was published by a gateway of before, which did not sign. */
  readonly proof?: ManifestProof;
}

export interface RebuildObjectOptions {
  /**
   * Names the restore, so that what it makes of an object, or of a volume that
   * several have, is one.
   */
  readonly key: string;
  /** Whose what is made says that it is. */
  readonly owner: Owner;
  readonly fromGroupId: GroupId;
  /** Whose the group is; absent: the same. Of what was brought for a restore, another one. */
  readonly groupOwner?: Owner;
  /** The object as the source had it: kind, LUN, volumes. */
  readonly object: ObjectConfig;
  /** Of a file, `/exports/EXPORT/PATH`. */
  readonly name: string;
  readonly wishes?: RebuildWishes | undefined;
  readonly evenDamaged?: boolean;
}
