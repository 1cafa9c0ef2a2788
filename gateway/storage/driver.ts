import type { GroupId, Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import type { Manifest } from "../../core/api/manifest.ts";
import type { MirrorSet } from "../../core/api/mirror-set.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Time } from "../time.ts";
import type { StoredBlocks } from "./stored-blocks.ts";

/**
 * The storage port: what a gateway needs of a cluster. Every driver passes the conformance suite in
 * conformance.ts.
 *
 * - Ids of volumes and snapshots are the cluster's and opaque.
 * - Every call is idempotent where its comment says so, and may be repeated after any failure.
 * - Expected failures are `VisibleError`s with the codes named; retries are the caller's.
 * - A driver may be opened by several processes and worker threads at once over the same cluster.
 * - Offsets and lengths are bytes of the volume, whatever its striping; extents are indices into
 *   its extent table, and core/extent turns one into the other.
 * - Every call takes a `StorageCall` as its last argument, and has a limit: whoever opens a driver
 *   puts limited.ts around it. A call that was given up may go on for all that is known. What it
 *   does later is harmless, because it may be repeated after any failure, or refused, because its
 *   epoch is over.
 */
export interface StorageDriver {
  readonly kind: string;

  /** All objects, mirrors too (they carry `origin.role` "mirror"), but not snapshots. */
  inventory(call?: StorageCall): Promise<readonly ObjectConfig[]>;

  /**
   * Makes an empty, thin volume. The size is rounded up to whole extents times stripes inside, and
   * stays as given outside.
   * @throws VOLUME_NAME_TAKEN, BAD_REQUEST (a name, a size or a geometry that can't be)
   */
  createVolume(options: CreateVolumeOptions, call?: StorageCall): Promise<ObjectConfig>;

  /**
   * Opens a volume for reading, or as its only writer. The lock ends with the process that holds
   * it.
   * @throws VOLUME_UNKNOWN, VOLUME_BUSY (a second writer), VOLUME_IS_MIRROR (mirrors are written by
   *   transfers only, W8)
   */
  openVolume(volumeId: string, mode: "read" | "write", call?: StorageCall): Promise<VolumeHandle>;

  /**
   * Begins a content that becomes a volume's all at once, by `swapIn`. Until then nobody sees it:
   * no inventory, no reader, no snapshot; what was not swapped in is gone when it is closed, or
   * with the process that began it. A volume that is there can be read and snapshotted meanwhile,
   * as it was, and nobody else may write it. Undefined where a cluster can't exchange what a volume
   * holds in one step.
   * @throws VOLUME_NAME_TAKEN, BAD_REQUEST (a name, a size or a geometry that can't be),
   *   VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_BUSY
   */
  stageVolume?(options: StageVolumeOptions, call?: StorageCall): Promise<StagedVolume>;

  /**
   * Gives a volume's object another name. Plans know it by its id, and go on.
   * @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_NAME_TAKEN, BAD_REQUEST (a name that can't be)
   */
  renameVolume(volumeId: string, name: string, call?: StorageCall): Promise<ObjectConfig>;

  /** Its snapshots stay. @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_BUSY */
  deleteVolume(volumeId: string, call?: StorageCall): Promise<void>;

  /**
   * One snapshot of each volume, all at the same instant, all or nothing (W5). Idempotent: a group
   * that exists with the same id, owner and number is returned as it is. A group that was deleted
   * is not made again.
   * @throws VOLUME_UNKNOWN, NOT_OURS (the id belongs to another owner), GROUP_EXISTS (to another
   *   run of the same slot), GROUP_STALE (`sequence` is not above that of the newest group that was
   *   ever taken for the owner)
   */
  snapshotGroup(options: SnapshotGroupOptions, call?: StorageCall): Promise<SnapshotGroup>;

  /** @returns the group, or undefined */
  findGroup(groupId: GroupId, call?: StorageCall): Promise<SnapshotGroup | undefined>;

  /**
   * All groups that carry the owner's tag, published mirrors and source groups alike. One whose
   * deletion has begun is not among them, also when not all of it is gone yet.
   */
  listGroups(owner: Owner, call?: StorageCall): Promise<readonly ListedGroup[]>;

  /**
   * Deletes the group's snapshots and gives back the space that only they held. Idempotent: a group
   * that isn't there is deleted.
   * @throws NOT_OURS when the group doesn't carry `owner` (I5)
   */
  deleteGroup(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void>;

  /** Opens a snapshot to be read; it must be closed. @throws SNAPSHOT_UNKNOWN */
  openSnapshot(snapshotId: string, call?: StorageCall): Promise<SnapshotReader>;

  /**
   * Makes the mirror of an object, or brings the one that is there up to date (grown size, new
   * name). Idempotent by (owner, object id). The mirror has the object's geometry, and for a LUN
   * its LUN id in a mirror target (W6). Once the run's group is published, nothing is changed any
   * more. Where a run prepares it, the object's configuration is kept for the run's group, until
   * that is published or aborted, or can't be published any more, as another one is written to the
   * mirror or prepared before it was written.
   * @throws GROUP_EXISTS (the group belongs to another run of the same slot), GROUP_STALE (a newer
   *   run has been here)
   */
  prepareMirror(options: PrepareMirrorOptions, call?: StorageCall): Promise<readonly MirrorVolume[]>;

  /**
   * Begins or goes on with the writing of a group to a mirror volume. Raises the volume's epoch,
   * durably, so whoever was writing before is refused from now on (I6). When the volume's session
   * is of the same group and base, the extents that were committed stay done; otherwise the volume
   * is first set back to the base group's snapshot of it (or to empty).
   * @throws VOLUME_UNKNOWN, NOT_OURS, BASE_MISSING, GROUP_EXISTS (it is published: there is nothing
   *   left to write), GROUP_ABORTED, GROUP_STALE (`sequence` is not above the newest published, or
   *   below that of the group being written)
   */
  openMirror(options: OpenMirrorOptions, call?: StorageCall): Promise<MirrorSession>;

  /**
   * Begins the writing of one extent. Nothing of it is visible before `commit`. It changes what the
   * extent is, or begins as zeros, and then nobody reads what the extent was: it may be damaged.
   * @throws FENCED when `epoch` is not the volume's current one
   */
  openMirrorExtent(
    options: {
      readonly mirrorVolumeId: string;
      readonly epoch: number;
      readonly extent: number;
      /** `base` unless told otherwise. */
      readonly from?: "base" | "zeros";
    },
    call?: StorageCall,
  ): Promise<MirrorExtentWriter>;

  /**
   * One digest an extent of a mirror as it is committed, or undefined where the cluster keeps none.
   * What is known to be damaged has one that no content has. @throws FENCED
   */
  mirrorDigests(
    options: { readonly mirrorVolumeId: string; readonly epoch: number },
    call?: StorageCall,
  ): Promise<readonly ExtentDigest[] | undefined>;

  /**
   * Every extent that differs has been committed: the mirror now equals the snapshot. Idempotent.
   * @throws FENCED
   */
  completeMirror(
    options: { readonly mirrorVolumeId: string; readonly epoch: number },
    call?: StorageCall,
  ): Promise<void>;

  /**
   * Fences off whoever writes the group to any of the owner's mirrors; it can't be opened or
   * published afterwards. Idempotent.
   */
  abortGroup(options: { readonly groupId: GroupId; readonly owner: Owner }, call?: StorageCall): Promise<void>;

  /**
   * Snapshots the mirrors that were opened for a group as one group, and keeps the foreign plan's
   * manifest with it, all or nothing (I2). Idempotent: a group that exists with the same id, owner,
   * number, instant and mirrors is returned as it is. One that was deleted is not made again.
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
   * An ordinary object from snapshots of a group, sharing their data: fast, whatever the size.
   * Idempotent by `key`; one that was deleted is not made again. `sourceVolumeIds` name the volumes
   * by the ids they have in `object.volumes`. Where damage is known in the snapshots it is refused
   * unless `evenDamaged`; reading what is damaged fails then.
   * @throws SNAPSHOT_UNKNOWN, VOLUME_NAME_TAKEN, VOLUME_UNKNOWN (it was made, and is deleted),
   *   GROUP_DAMAGED
   */
  rebuildObject(options: RebuildObjectOptions, call?: StorageCall): Promise<ObjectConfig>;

  /**
   * Of every snapshot in which damage was found, whoever read it, and not mended since: how much of
   * it. Undefined where the cluster doesn't remember such things.
   */
  damage(call?: StorageCall): Promise<readonly GroupDamage[] | undefined>;

  /**
   * One round of the housekeeping that a cluster leaves to its gateways, at a gentle pace; nothing
   * where it does that itself. It may take long, and is called again and again while a gateway
   * runs.
   * @throws STORE_IN_USE, STORE_CORRUPT, DISK_FAILED
   */
  tend(options: { readonly time: Time }, call?: StorageCall): Promise<void>;

  close(call?: StorageCall): Promise<void>;
}

/** Of whoever waits for a call. */
export interface StorageCall {
  /** Aborted: the call is to stop where it is, and rejects with the reason, unless it is done first. */
  readonly signal?: AbortSignal;
  /**
   * A call that takes long says whenever it got something done: what limits it is how long it
   * stands still.
   */
  readonly onMoved?: () => void;
}

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

/** The tag on everything this product makes on a cluster: the plan, and the site that the plan protects. */
export interface Owner {
  readonly planId: PlanId;
  readonly source: SiteId;
}

export interface CreateVolumeOptions {
  readonly name: string;
  readonly kind: "lun" | "volume";
  readonly sizeBytes: number;
  readonly geometry?: Geometry;
  /** For a LUN; by default the target `default` and the lowest free id. */
  readonly lun?: { readonly target: string; readonly lunId?: number };
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
}

export interface PrepareMirrorOptions {
  readonly owner: Owner;
  readonly object: ObjectConfig;
  /**
   * The run that prepares the mirror, so that a late copy of its task is told from one that counts,
   * and the object's index in it.
   */
  readonly run?: { readonly groupId: GroupId; readonly sequence: number; readonly index: number };
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
  readonly snapshots: readonly { readonly volumeId: string; readonly snapshotId: string; readonly sizeBytes: number }[];
}

/** A group in a list: what tells it from another one of the same id, and how much it is. */
export interface ListedGroup extends Pick<SnapshotGroup, "groupId" | "sequence" | "takenAt"> {
  readonly volumeCount: number;
  readonly sizeBytes: number;
}

export interface MirrorVolume {
  readonly sourceVolumeId: string;
  readonly mirrorVolumeId: string;
}

/** Bytes of one volume or snapshot. `read` past the size gives zeros up to the end of the last extent. */
export interface BlockReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  /** Fills `into` from `offset`. @throws STORE_CORRUPT naming where the bytes are wrong */
  read(offset: number, into: Uint8Array, call?: StorageCall): Promise<void>;
  close(call?: StorageCall): Promise<void>;
}

export interface VolumeHandle extends BlockReader {
  /** @throws STORE_FULL */
  write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void>;
  /** Makes a range read as zeros, giving back its space. */
  zero(offset: number, length: number, call?: StorageCall): Promise<void>;
  /** What was written is durable and part of the next snapshot when this returns. */
  flush(call?: StorageCall): Promise<void>;
}

export type StageVolumeOptions =
  | {
      /** The volume that it becomes; it begins as zeros. */
      readonly create: CreateVolumeOptions;
      readonly into?: undefined;
    }
  | {
      readonly create?: undefined;
      /** A volume that is there; it begins as what that holds, whose data it shares. */
      readonly into: string;
      /** Bytes; a volume that is smaller grows to it when it is swapped in. */
      readonly growTo?: number;
    };

/**
 * What a volume is going to hold. `close` gives up what was not swapped in. Of the volume that is
 * to be replaced, data that is damaged can't be read here; where the metadata is, it can't be kept
 * either, and zeros are there from the beginning.
 */
export interface StagedVolume extends VolumeHandle {
  /**
   * Makes all that was written the volume's content, durably and in one step: whoever looks, and
   * whatever happens, the volume is what it was before or this. Nothing can be read or written here
   * afterwards.
   * @returns the volume's object
   * @throws VOLUME_NAME_TAKEN (somebody was quicker), STORE_FULL; then nothing has changed
   */
  swapIn(call?: StorageCall): Promise<ObjectConfig>;
}

/**
 * Equal tokens at the same index of two snapshots of a volume mean identical data; null is a hole
 * (all zeros).
 */
export type ExtentToken = string | null;

export interface SnapshotReader extends BlockReader {
  /** One token an extent, or undefined where the cluster can't tell: then every extent has to be compared. */
  extentMap(call?: StorageCall): Promise<readonly ExtentToken[] | undefined>;
  /**
   * What the cluster knows of an extent's blocks without reading them, for a cluster that keeps
   * blocks of 64 KiB with their hashes; undefined where they have to be read. @throws STORE_CORRUPT
   */
  extentBlocks(extent: number, call?: StorageCall): Promise<ExtentBlocks | undefined>;
  /** One digest an extent, or undefined where the cluster keeps none. */
  extentDigests(call?: StorageCall): Promise<readonly ExtentDigest[] | undefined>;
}

/** `extentDigest` over the block hashes of an extent; null is a hole (all zeros). */
export type ExtentDigest = Uint8Array | null;

/**
 * The blocks of one extent of a snapshot, in the extent's own order. Nothing that it reads is
 * verified: a digest tells.
 */
export interface ExtentBlocks {
  /** `blockHash` of each block, one behind the other. */
  readonly hashes: Uint8Array;
  /** Level of the zstd frames that blocks are stored in. */
  readonly level: number;
  /**
   * How long a block is as it is stored, `blockBytes` where it is not compressed. The block must be
   * no hole.
   */
  storedBytes(block: number): number;
  /**
   * Fills `into` with blocks as they are stored (StoredBlocks), one behind the other from `block`
   * on; they must fill it, and none may be a hole. @throws STORE_CORRUPT when one isn't there
   */
  readStored(block: number, into: Uint8Array): void;
  /**
   * Fills `into` with the content of a block. Quick where blocks are asked for in order.
   * @throws STORE_CORRUPT when it isn't there, or what is stored is no block
   */
  readContent(block: number, into: Uint8Array): void;
}

export interface OpenMirrorOptions {
  readonly owner: Owner;
  readonly mirrorVolumeId: string;
  readonly groupId: GroupId;
  readonly sequence: number;
  /** The published group whose state the writing starts from; null: from nothing. */
  readonly baseGroupId: GroupId | null;
  readonly sizeBytes: number;
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
  readonly complete: boolean;
}

/** One extent of a mirror that is being written. Calls are made one after the other. */
export interface MirrorExtentWriter {
  /**
   * `offset` in bytes of the volume, inside the extent. `data` is good until the call returns its
   * promise, and not until that resolves: so it is taken, or copied, before anything is waited for.
   * The same holds for `writeStored`.
   */
  write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void>;
  zero(offset: number, length: number, call?: StorageCall): Promise<void>;
  /**
   * Takes over blocks from the one at `block`, counted in the extent's own order, in the form that
   * they are stored in; undefined where a cluster keeps no such blocks. Whether they are what their
   * hashes name is found out by `blockHashes`.
   */
  readonly writeStored: ((block: number, stored: StoredBlocks, call?: StorageCall) => Promise<void>) | undefined;
  /**
   * What the extent was when the writing began: fills `into` from byte `offset` of the extent.
   * @throws STORE_CORRUPT
   */
  readBase(offset: number, into: Uint8Array, call?: StorageCall): Promise<void>;
  /**
   * `blockHash` of each 64 KiB block of the extent in the extent's own order, one behind the other;
   * of those that were written here, as read back from where they were written to: what an extent
   * digest is made of.
   * @throws CHECKSUM_MISMATCH when what was read back is not what was written
   */
  blockHashes(call?: StorageCall): Promise<Uint8Array>;
  /** Durable, visible and marked done, or nothing. @throws FENCED */
  commit(call?: StorageCall): Promise<void>;
  discard(call?: StorageCall): Promise<void>;
}

export interface PublishGroupOptions {
  readonly groupId: GroupId;
  readonly owner: Owner;
  readonly sequence: number;
  /** The instant of the source's snapshot. */
  readonly takenAt: Instant;
  /** The mirrors that it is to consist of: all that were opened for it, and no others. */
  readonly mirrors: MirrorSet;
  /** For the manifest, as are the objects, in their order; null: as it was prepared for the group. */
  readonly planName: string;
  readonly objects: readonly (ObjectConfig | null)[];
}

export interface RebuildObjectOptions {
  /** Names the restore and the object, so that doing it twice makes one. */
  readonly key: string;
  readonly owner: Owner;
  readonly fromGroupId: GroupId;
  /** The object as the source had it: kind, LUN, volumes. */
  readonly object: ObjectConfig;
  readonly name: string;
  readonly evenDamaged?: boolean;
}
