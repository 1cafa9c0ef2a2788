import assert from "node:assert";
import { xxh64 } from "@node-rs/xxhash";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { asBuffer, blockHash, blockHashBytes, hashAt, isSame } from "../../storage/block-hash.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import type { SnapshotHandle } from "../../storage/volume-io.ts";
import { grainBytes, grainsPerBlock } from "../frame/frame.ts";
import type { JobWatch } from "../threads/serve-jobs.ts";
import { type DifferingRange, rangesWhere } from "./differences.ts";
import { openExtent } from "./extent-source.ts";
import { HashIndex } from "./hash-index.ts";

/*
 * What a target tells of an extent that the source has no base of any more: first the hashes of
 * its blocks of 64 KiB, then, of those that differ, the hashes of their grains of 4 KiB. So a
 * change costs little more on the wire than it is long, and what is somewhere else in the
 * extent now is not sent.
 */

/**
 * Bytes of a grain's hash, XXH64. That is quick, and not strong: what is copied because of it has a
 * stronger hash in its frame, and the extent its digest.
 */
const grainHashBytes = 8;
/** Of all grains of a block. */
export const blockGrainHashesBytes = grainsPerBlock * grainHashBytes;

/** The hash of each grain of a block, one behind the other. */
export const grainHashes = (content: Uint8Array): Buffer => {
  const bytes = asBuffer(content);
  const hashes = Buffer.allocUnsafeSlow((bytes.length / grainBytes) * grainHashBytes);
  for (let at = 0; at < bytes.length; at += grainBytes) {
    hashes.writeBigUInt64LE(xxh64(bytes.subarray(at, at + grainBytes)), (at / grainBytes) * grainHashBytes);
  }
  return hashes;
};

/** One extent of a snapshot, to be compared with the block hashes of the target. */
export interface CompareJob {
  readonly snapshot: SnapshotHandle;
  readonly extent: number;
  readonly hashes: Uint8Array;
}

export interface CompareResult {
  /** Blocks that differ, ascending. */
  readonly blocks: readonly number[];
  readonly bytesRead: number;
}

/** The sender's first look at an extent without a base. For worker threads. */
export const createCompare =
  (storage: StorageDriver) =>
  async ({ snapshot: handle, extent, hashes }: CompareJob, watch: JobWatch): Promise<CompareResult> => {
    const snapshot = await storage.readSnapshot(handle, watch);
    try {
      const now = await openExtent(snapshot, extent, { verify: true, call: watch });
      assert.equal(hashes.length, now.blockCount * blockHashBytes, "a signature of another extent");
      const blocks: number[] = [];
      for (let block = 0; block < now.blockCount; block++) {
        await watch.step();
        const hash =
          now.blocks === undefined
            ? blockHash(await now.cache.bytes(block * blockBytes, blockBytes))
            : hashAt(now.blocks.hashes, block);
        if (!isSame(hash, hashAt(hashes, block))) blocks.push(block);
      }
      return { blocks, bytesRead: now.blocks === undefined ? now.extentBytes : 0 };
    } finally {
      await snapshot.close();
    }
  };

/** One extent of a mirror volume, of which the source wants to know what there is. */
export interface SignatureJob {
  readonly mirrorVolumeId: string;
  readonly epoch: number;
  readonly extent: number;
  /** The blocks whose grains are wanted; undefined: the hashes of all blocks are. */
  readonly blocks: readonly number[] | undefined;
}

/** The target's answer. For worker threads. @throws FENCED, STORE_CORRUPT */
export const createSignature =
  (storage: StorageDriver) =>
  async ({ blocks, ...target }: SignatureJob, watch: JobWatch): Promise<Uint8Array> => {
    const extent = await storage.openMirrorExtent(target, watch);
    try {
      if (blocks === undefined) return await extent.baseHashes(watch);
      const hashes: Uint8Array[] = [];
      const content = Buffer.allocUnsafe(blockBytes);
      for (const block of blocks) {
        await watch.step();
        await extent.readBase(block * blockBytes, content, watch);
        hashes.push(grainHashes(content));
      }
      return Buffer.concat(hashes);
    } finally {
      await extent.discard();
    }
  };

/** What the target has in the blocks that differ, known by the hashes of its grains. */
export class TargetGrains {
  readonly blocks: readonly number[];
  readonly #grains: Buffer;
  readonly #indexOf: ReadonlyMap<number, number>;
  readonly #places: HashIndex;
  /** The hashes of the grains of the block that was looked at last. */
  #now: Buffer = Buffer.alloc(0);

  constructor(blocks: readonly number[], grains: Uint8Array) {
    assert.equal(grains.length, blocks.length * blockGrainHashesBytes, "grains of other blocks");
    this.blocks = blocks;
    this.#grains = asBuffer(grains);
    this.#indexOf = new Map(blocks.map((block, index) => [block, index]));
    this.#places = new HashIndex(grains, grainHashBytes);
  }

  /** Whether a block is one of those that differ. */
  has(block: number): boolean {
    return this.#indexOf.has(block);
  }

  /**
   * In which grains the content of a block, one of those that differ, is not what
   * the target has there.
   */
  differingRanges(block: number, content: Uint8Array): readonly DifferingRange[] {
    const first = (this.#indexOf.get(block) ?? 0) * grainsPerBlock;
    const now = grainHashes(content);
    this.#now = now;
    return rangesWhere(content.length, (grain) => {
      const [ours, theirs] = [grain * grainHashBytes, (first + grain) * grainHashBytes];
      return now.compare(this.#grains, theirs, theirs + grainHashBytes, ours, ours + grainHashBytes) !== 0;
    });
  }

  /**
   * Where the target has what is at `offset` of the block that `differingRanges` looked at last.
   */
  find(offset: number): number | undefined {
    const index = this.#places.find(this.#now, (offset / grainBytes) * grainHashBytes);
    if (index === undefined) return undefined;
    const block = this.blocks[Math.floor(index / grainsPerBlock)] ?? 0;
    return block * blockBytes + (index % grainsPerBlock) * grainBytes;
  }
}
