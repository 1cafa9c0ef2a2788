import assert from "node:assert";
import { blockBytes } from "../../core/extent/geometry.ts";
import { type ExtentRange, extentRanges } from "../../core/extent/striping.ts";
import type { BlockReader, StorageDriver } from "../storage/driver.ts";
import { BlockCompressor, blockHash, zeroBlock, zeroBlockHash } from "./content.ts";
import { differingRanges, isSame } from "./differences.ts";
import { FrameChunks } from "./frame-chunks.ts";

/** One extent of a snapshot, to be made into frames. */
export interface ScanJob {
  readonly snapshotId: string;
  readonly extent: number;
  /** `diff` compares with `baseSnapshotId`. */
  readonly how: "zero" | "full" | "diff";
  readonly baseSnapshotId: string | null;
  /** Of zstd; null: nothing is compressed. */
  readonly level: number | null;
}

export interface ScanResult {
  /** No frames were made: the extent equals the base's, whatever its token says. */
  readonly identical: boolean;
  /** Hexadecimal. Empty when identical. */
  readonly digest: string;
  /** Of the snapshot, not of the base. */
  readonly bytesRead: number;
  /** Content in frames, before compression. */
  readonly bytesChanged: number;
}

/** Gives the extent's frames in chunks, each of which is the consumer's own, and then what there is to say of them. */
export type Scan = (job: ScanJob, signal: AbortSignal) => AsyncGenerator<Uint8Array, ScanResult, void>;

/** Read and compared at once. Holds whole blocks. */
const pieceBytes = 1024 * 1024;

/** The sender's work on one extent: read, compare, hash, compress. For worker threads; one compressor for all its jobs. */
export const createScan = (storage: StorageDriver): Scan => {
  const compressor = new BlockCompressor();
  return async function* scan(job, signal) {
    const snapshot = await storage.openSnapshot(job.snapshotId);
    try {
      const base = job.how === "diff" ? await openBase(storage, job) : undefined;
      try {
        return yield* new ExtentScan(new FrameChunks(compressor, job.level ?? undefined), snapshot, base).run(
          job,
          signal,
        );
      } finally {
        await base?.close();
      }
    } finally {
      await snapshot.close();
    }
  };
};

const openBase = (storage: StorageDriver, job: ScanJob) => {
  assert(job.baseSnapshotId !== null, "a comparison needs something to compare with");
  return storage.openSnapshot(job.baseSnapshotId);
};

class ExtentScan {
  readonly #out: FrameChunks;
  readonly #snapshot: BlockReader;
  readonly #base: BlockReader | undefined;
  readonly #hashes: BigUint64Array;
  #bytesRead = 0;
  #bytesChanged = 0;
  /** Blocks that became zeros and are not told yet. */
  #zeros = { offset: 0, length: 0 };

  constructor(out: FrameChunks, snapshot: BlockReader, base: BlockReader | undefined) {
    this.#out = out;
    this.#snapshot = snapshot;
    this.#base = base;
    this.#hashes = new BigUint64Array(snapshot.geometry.extentBytes / blockBytes).fill(zeroBlockHash);
  }

  async *run(job: ScanJob, signal: AbortSignal): AsyncGenerator<Uint8Array, ScanResult, void> {
    if (job.how !== "zero") {
      const { geometry, sizeBytes } = this.#snapshot;
      const buffers = { now: Buffer.allocUnsafeSlow(pieceBytes), before: Buffer.allocUnsafeSlow(pieceBytes) };
      for (const piece of pieces(extentRanges(geometry, sizeBytes, job.extent))) {
        signal.throwIfAborted();
        yield* this.#piece(piece, buffers.now.subarray(0, piece.length), buffers.before.subarray(0, piece.length));
      }
    }
    if (this.#zeros.length > 0) yield* this.#tellZeros();
    const identical = job.how === "diff" && this.#out.frames === 0;
    if (this.#out.full) yield this.#out.take();
    const digest = identical ? "" : Buffer.from(this.#out.putEnd(this.#hashes)).toString("hex");
    if (!identical) yield this.#out.take();
    return { identical, digest, bytesRead: this.#bytesRead, bytesChanged: this.#bytesChanged };
  }

  async *#piece(piece: ExtentRange, now: Uint8Array, before: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
    await this.#snapshot.read(piece.offset, now);
    await this.#base?.read(piece.offset, before);
    this.#bytesRead += piece.length;
    const changed = this.#base === undefined || !isSame(now, before);
    for (let at = 0; at < piece.length; at += blockBytes) {
      const block = now.subarray(at, at + blockBytes);
      const offset = piece.offsetInExtent + at;
      const zero = isSame(block, zeroBlock);
      const hash = zero ? zeroBlockHash : blockHash(block);
      this.#hashes[offset / blockBytes] = hash;
      if (!changed) continue;
      if (this.#base === undefined) {
        if (!zero) yield* this.#tell(offset, block, hash);
      } else {
        yield* this.#compare(offset, block, before.subarray(at, at + blockBytes), hash);
      }
    }
  }

  *#compare(offset: number, block: Uint8Array, before: Uint8Array, hash: bigint): Generator<Uint8Array, void, void> {
    const runs = differingRanges(block, before);
    if (runs.length === 0) return;
    if (hash === zeroBlockHash && isSame(block, zeroBlock)) {
      if (this.#zeros.offset + this.#zeros.length !== offset) yield* this.#tellZeros();
      if (this.#zeros.length === 0) this.#zeros.offset = offset;
      this.#zeros.length += blockBytes;
      return;
    }
    for (const run of runs) {
      const content = block.subarray(run.offset, run.offset + run.length);
      yield* this.#tell(offset + run.offset, content, run.length === blockBytes ? hash : blockHash(content));
    }
  }

  *#tell(offset: number, content: Uint8Array, hash: bigint): Generator<Uint8Array, void, void> {
    yield* this.#tellZeros();
    if (this.#out.full) yield this.#out.take();
    this.#out.putContent(offset, content, hash);
    this.#bytesChanged += content.length;
  }

  *#tellZeros(): Generator<Uint8Array, void, void> {
    const { offset, length } = this.#zeros;
    if (length === 0) return;
    if (this.#out.full) yield this.#out.take();
    this.#out.putZeros(offset, length);
    this.#bytesChanged += length;
    this.#zeros = { offset: 0, length: 0 };
  }
}

/** The ranges of an extent, cut to what is read at once. Stripes and extents are whole blocks, so pieces are too. */
function* pieces(ranges: readonly ExtentRange[]): Generator<ExtentRange, void, void> {
  for (const range of ranges) {
    for (let at = 0; at < range.length; at += pieceBytes) {
      yield {
        offset: range.offset + at,
        offsetInExtent: range.offsetInExtent + at,
        length: Math.min(pieceBytes, range.length - at),
      };
    }
  }
}
