import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { StorageCall } from "./call.ts";
import type { StoredBlocks } from "./stored-blocks.ts";

/**
 * The second half of the storage port: the bytes of volumes and snapshots. What is far away does it
 * beside the cluster's data, whoever has the control.
 */
export interface VolumeIo {
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
   * A reader of a snapshot that is open, in this process or another; it must be closed before that.
   * @throws SNAPSHOT_UNKNOWN, which may be thrown by the reader's first read instead
   */
  readSnapshot(handle: SnapshotHandle, call?: StorageCall): Promise<SnapshotReader>;

  /**
   * Begins the writing of one extent. Nothing of it is part of a published group before `commit`,
   * nor, where `StorageCaps.atomicExtents`, of the mirror. It changes what the extent is, or begins
   * as zeros, and then nobody reads what the extent was: it may be damaged.
   * @throws FENCED when `epoch` is not the volume's current one
   */
  openMirrorExtent(
    options: {
      readonly mirrorVolumeId: string;
      readonly epoch: number;
      readonly extent: number;
      /** `base` unless told otherwise. */
      readonly from?: "base" | "zeros";
      /** Told what makes later writings slower, and this one no worse. */
      readonly onWarning?: (warning: string) => void;
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
}

export interface CreateVolumeOptions {
  readonly name: string;
  readonly kind: "lun" | "volume";
  readonly sizeBytes: number;
  readonly geometry?: Geometry;
  /** For a LUN; by default the target `default` and the lowest free id. */
  readonly lun?: { readonly target: string; readonly lunId?: number };
}

/**
 * Bytes of one volume or snapshot. `read` past the size gives zeros up to the
 * end of the last extent.
 */
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

/** What a snapshot is, whether it is open or not. */
export interface SnapshotShape {
  readonly snapshotId: string;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
}

/**
 * A snapshot that is open: plain data, which may be sent to other processes and threads as JSON.
 */
export interface SnapshotHandle extends SnapshotShape {
  /** What the driver reads it by, in a form of its own: the name of a clone, for instance. */
  readonly access?: string;
}

export interface SnapshotReader extends BlockReader {
  /**
   * One token an extent, or undefined where the cluster can't tell: then every
   * extent has to be compared.
   */
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

/**
 * One extent of a mirror that is being written. Calls are made one after the other. Where a cluster
 * is written in place, all that write are CLUSTER_BUSY while an earlier writer of the same epoch
 * may still write the extent; who opens the mirror again has an epoch that shuts it out.
 */
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
   * `blockHash` of each block of what `readBase` gives, one behind the other. To be called before
   * anything is written here. @throws STORE_CORRUPT
   */
  baseHashes(call?: StorageCall): Promise<Uint8Array>;
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
