import assert from "node:assert";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import {
  asBuffer,
  blockHash,
  blockHashBytes,
  hashAt,
  isSame,
  zeroBlock,
  zeroBlockHash,
  zeroHashes,
} from "../../storage/block-hash.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import type { KeptHashes } from "../../storage/kept-hashes.ts";
import type { SnapshotHandle, SnapshotReader } from "../../storage/volume-io.ts";
import { BlockCompressor } from "../frame/content.ts";
import { FrameChunks } from "../frame/frame-chunks.ts";
import type { JobWatch } from "../threads/serve-jobs.ts";
import { BlockEncoder, type Encoding } from "./block-encoder.ts";
import { type DifferingRange, differingRanges, totalBytes } from "./differences.ts";
import { type ExtentSource, openExtent } from "./extent-source.ts";
import { grainRangesOf } from "./grain-ranges.ts";
import { HashIndex } from "./hash-index.ts";
import { MovedContent } from "./moved.ts";
import { TargetGrains } from "./signature.ts";

/** An extent of the snapshot that is sent and of its base, as somebody names their contents. */
export interface ExtentLabels {
  /** One for each mirror: whatever names it in a line. */
  readonly mirror: string;
  /** Content that is labelled alike, at the same place of one mirror, is the same. */
  readonly now: string;
  readonly base: {
    readonly label: string;
    /** Whether nothing else can have had the label before. */
    readonly isOnce: boolean;
  } | null;
}

/** One extent of a snapshot, to be made into frames. */
export interface ScanJob {
  readonly snapshot: SnapshotHandle;
  readonly extent: number;
  /** `diff` compares with `base`; `match` with what the target said of its extent. */
  readonly how: "zero" | "full" | "diff" | "match";
  readonly base: SnapshotHandle | null;
  /** The target has begun to write it: it is told what the extent is also where nothing differs. */
  readonly isBegun?: boolean;
  /** Null: nothing is compressed. */
  readonly encoding: Encoding | null;
  /** Nothing is sent that was not read and verified here: after damage, which may be ours. */
  readonly verify: boolean;
  /** Undefined: nothing is kept of it, and nothing known. */
  readonly labels?: ExtentLabels | undefined;
  /**
   * Of `match`: the blocks that differ, and the hashes of the grains that the target has in them.
   */
  readonly target?: { readonly blocks: readonly number[]; readonly grains: Uint8Array };
}

export interface ScanResult {
  /** Nothing is told: the extent equals the base's, whatever its token says. */
  readonly identical: boolean;
  /** Hexadecimal. Empty when identical. */
  readonly digest: string;
  /** Of the snapshot, not of the base. */
  readonly bytesRead: number;
  /** Content in frames, before compression. */
  readonly bytesChanged: number;
  /** Why the hashes of what was read could not be kept. */
  readonly notKept?: string | undefined;
}

/**
 * Gives the extent's frames in chunks, each of which is the consumer's own, and then what there is
 * to say of them.
 */
export type Scan = (job: ScanJob, watch: JobWatch) => AsyncGenerator<Uint8Array, ScanResult, void>;

/** Blocks that are looked at before any of them is sent, where they have to be read for that. */
const batchBlocks = 4;

/**
 * The sender's work on one extent: read, compare, hash, compress. For worker threads; one
 * compressor for all its jobs.
 * @param kept where a cluster keeps no hashes itself
 */
export const createScan = (storage: StorageDriver, kept?: KeptHashes): Scan => {
  const compressor = new BlockCompressor();
  return async function* scan(job, watch) {
    const snapshot = await storage.readSnapshot(job.snapshot, watch);
    try {
      const base = job.how === "diff" ? await readBase(storage, job, watch) : undefined;
      try {
        return yield* scanExtent({ job, snapshot, base, kept, compressor, watch });
      } finally {
        await base?.close();
      }
    } finally {
      await snapshot.close();
    }
  };
};

const readBase = (storage: StorageDriver, job: ScanJob, watch: JobWatch) => {
  assert(job.base !== null, "a comparison needs something to compare with");
  return storage.readSnapshot(job.base, watch);
};

async function* scanExtent(options: {
  readonly job: ScanJob;
  readonly snapshot: SnapshotReader;
  readonly base: SnapshotReader | undefined;
  readonly kept: KeptHashes | undefined;
  readonly compressor: BlockCompressor;
  readonly watch: JobWatch;
}): AsyncGenerator<Uint8Array, ScanResult, void> {
  const { job, snapshot, compressor, watch } = options;
  const { labels, extent } = job;
  const encoding = job.encoding ?? undefined;
  const out = new FrameChunks(compressor, encoding?.level);
  const reading = { verify: job.verify, call: watch };
  const now = await openExtent(snapshot, extent, reading);
  // What keeps its own needs none of ours.
  const kept = now.blocks === undefined && labels !== undefined ? options.kept : undefined;
  const place = { mirror: labels?.mirror ?? "", geometry: snapshot.geometry, extent };
  const isAsked = options.base !== undefined && !job.verify;
  const known = isAsked && labels?.base != null ? await kept?.find(place, labels.base.label) : undefined;
  const base = options.base && (await openExtent(options.base, extent, { ...reading, inPart: known !== undefined }));
  const scan = new ExtentScan({
    out,
    now,
    base,
    known: base?.blocks?.hashes ?? known,
    encoder: new BlockEncoder({ out, now, base, compressor, encoding, verify: job.verify }),
    target: job.target && new TargetGrains(job.target.blocks, job.target.grains),
    watch,
  });
  try {
    const result = yield* scan.run(job);
    const isSure = known === undefined || labels?.base?.isOnce === true;
    if (result.identical && !isSure && options.base !== undefined)
      await assertHashes(await openExtent(options.base, extent, reading), scan.hashes, watch);
    if (kept === undefined || labels === undefined || job.how === "zero") return result;
    const notKept = await kept.keep(place, labels.now, scan.hashes).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    return { ...result, notKept };
  } finally {
    now.cache.close();
    base?.cache.close();
  }
}

/**
 * That an extent is what its hashes say: the target is sent nothing of one that is unchanged, so it
 * finds nothing out. @throws STORE_CORRUPT
 */
const assertHashes = async (base: ExtentSource, hashes: Uint8Array, watch: JobWatch): Promise<void> => {
  try {
    for (let block = 0; block < base.blockCount; block++) {
      await watch.step();
      const content = await base.cache.bytes(block * blockBytes, blockBytes);
      if (!isSame(blockHash(content), hashAt(hashes, block))) throw keptOfAnother(block);
    }
  } finally {
    base.cache.close();
  }
};

class ExtentScan {
  readonly #out: FrameChunks;
  readonly #now: ExtentSource;
  readonly #base: ExtentSource | undefined;
  readonly #encoder: BlockEncoder;
  readonly #target: TargetGrains | undefined;
  readonly #watch: JobWatch;
  readonly #moved: MovedContent | undefined;
  /** Hashes of the base's blocks, where they are known without reading it. */
  readonly #known: Uint8Array | undefined;
  readonly #baseBlocks: HashIndex | undefined;
  readonly #hashes: Uint8Array;
  /** The target has nothing of the extent. */
  readonly #isFirstCopy: boolean;
  /** Bytes of the snapshot that were looked at before the batch, and those of all batches. */
  #batchAt = 0;
  #bytesToRead = 0;
  #bytesRead = 0;
  #bytesChanged = 0;
  /** Blocks that became zeros and are not told yet. */
  #zeros = { offset: 0, length: 0 };

  constructor(options: {
    readonly out: FrameChunks;
    readonly now: ExtentSource;
    readonly base: ExtentSource | undefined;
    readonly known: Uint8Array | undefined;
    readonly encoder: BlockEncoder;
    readonly target: TargetGrains | undefined;
    readonly watch: JobWatch;
  }) {
    const { out, now, base, known, encoder, target, watch } = options;
    this.#out = out;
    this.#now = now;
    this.#base = base;
    this.#encoder = encoder;
    this.#target = target;
    this.#watch = watch;
    this.#moved = base && new MovedContent(base);
    this.#known = known;
    this.#baseBlocks = known && new HashIndex(known, blockHashBytes);
    this.#hashes = now.blocks?.hashes ?? zeroHashes(now.blockCount);
    this.#isFirstCopy = base === undefined && target === undefined;
  }

  /** Of all blocks, once it has run. */
  get hashes(): Uint8Array {
    return this.#hashes;
  }

  async *run(job: ScanJob): AsyncGenerator<Uint8Array, ScanResult, void> {
    // An extent that became a hole is told in one frame.
    if (job.how === "zero") this.#zeros.length = this.#now.extentBytes;
    else for await (const batch of this.#differing()) yield* this.#putBatch(batch);
    if (this.#zeros.length > 0) yield* this.#putZeros();
    this.#encoder.flush();
    const isTold = job.isBegun === true || job.how === "full" || job.how === "zero";
    const identical = !isTold && this.#out.frames === 0;
    if (this.#encoder.full) yield this.#takeChunk();
    const digest = identical ? "" : Buffer.from(this.#out.putEnd(this.#hashes)).toString("hex");
    if (!identical) yield this.#out.take();
    return { identical, digest, bytesRead: this.#bytesRead, bytesChanged: this.#bytesChanged };
  }

  /**
   * Blocks that differ, in order: all at once where that is known without reading, else a few at a
   * time. Of an extent of which the target has nothing, those that are not zero.
   */
  async *#differing(): AsyncGenerator<readonly number[], void, void> {
    if (this.#target !== undefined && this.#now.blocks !== undefined) {
      yield this.#whole(this.#target.blocks);
    } else if (this.#now.blocks !== undefined && (this.#base === undefined || this.#base.blocks !== undefined)) {
      const before = this.#base?.blocks?.hashes ?? zeroHashes(this.#now.blockCount);
      yield this.#whole(differingHashes(this.#hashes, before));
    } else {
      for (let from = 0; from < this.#now.blockCount; from += batchBlocks) {
        this.#batchAt = from * blockBytes;
        this.#bytesToRead = this.#now.extentBytes;
        await this.#watch.step(this.#batchAt, this.#bytesToRead);
        yield await this.#readBatch(from, Math.min(batchBlocks, this.#now.blockCount - from));
      }
    }
  }

  #whole(blocks: readonly number[]): readonly number[] {
    this.#bytesToRead = blocks.length * blockBytes;
    return blocks;
  }

  /** Reads blocks and says which differ. */
  async #readBatch(from: number, count: number): Promise<readonly number[]> {
    const differing: number[] = [];
    for (let block = from; block < from + count; block++) {
      const content = await this.#encoder.content(block);
      const zero = isSame(content, zeroBlock);
      if (!zero && this.#now.blocks === undefined) this.#hashes.set(blockHash(content), block * blockHashBytes);
      this.#bytesRead += blockBytes;
      if (!(await this.#isAsBefore(block, content))) differing.push(block);
    }
    return differing;
  }

  async #isAsBefore(block: number, content: Uint8Array): Promise<boolean> {
    if (this.#target !== undefined) return !this.#target.has(block);
    if (this.#known === undefined) return isSame(content, await this.#before(block));
    return isSame(hashAt(this.#hashes, block), hashAt(this.#known, block));
  }

  /** What the target has in a block. */
  async #before(block: number): Promise<Uint8Array> {
    return this.#base === undefined ? zeroBlock : this.#base.cache.bytes(block * blockBytes, blockBytes);
  }

  async *#putBatch(blocks: readonly number[]): AsyncGenerator<Uint8Array, void, void> {
    this.#moved?.add(this.#withContentBefore(blocks));
    let doneBytes = this.#batchAt;
    for (const block of blocks) {
      const turn = this.#watch.step(doneBytes, this.#bytesToRead);
      doneBytes += blockBytes;
      if (turn !== undefined) await turn;
      if (this.#now.blocks !== undefined) this.#bytesRead += blockBytes;
      const hash = hashAt(this.#hashes, block);
      if (isSame(hash, zeroBlockHash)) {
        if (this.#zeros.length > 0 && this.#zeros.offset + this.#zeros.length !== block * blockBytes)
          yield* this.#putZeros();
        if (this.#zeros.length === 0) this.#zeros.offset = block * blockBytes;
        this.#zeros.length += blockBytes;
        continue;
      }
      // Whatever is delegated to or waited for here costs a promise, and a promise a block costs a
      // first copy as much as reading it.
      if (this.#zeros.length > 0) yield* this.#putZeros();
      if (this.#encoder.full) yield this.#takeChunk();
      if (this.#isFirstCopy && this.#encoder.putUnread(block, hash)) this.#bytesChanged += blockBytes;
      else this.#bytesChanged += await this.#putBlock(block, hash);
    }
  }

  /** Makes room for all frames of another block. */
  #takeChunk(): Uint8Array {
    this.#encoder.flush();
    return this.#out.take();
  }

  *#withContentBefore(blocks: readonly number[]): Generator<number, void, void> {
    for (const block of blocks) if (!this.#wasHole(block)) yield block;
  }

  #wasHole(block: number): boolean {
    const known = this.#known;
    return this.#base === undefined || (known !== undefined && isSame(hashAt(known, block), zeroBlockHash));
  }

  /** @returns bytes of content that differ */
  async #putBlock(block: number, hash: Uint8Array): Promise<number> {
    const at = this.#baseBlocks?.find(asBuffer(hash));
    if (at !== undefined) {
      this.#encoder.putCopy(block, hash, at * blockBytes);
      return blockBytes;
    }
    if (this.#target !== undefined) return this.#putMatched(block, hash, this.#target);
    if (this.#wasHole(block)) {
      if (this.#base !== undefined && (await this.#putMoved(block, [{ offset: 0, length: blockBytes }])))
        return blockBytes;
      await this.#encoder.putWhole(block, hash);
      return blockBytes;
    }
    const isFar = this.#base?.blocks === undefined && this.#known !== undefined;
    if (isFar && this.#encoder.takesForNew()) {
      await this.#encoder.putWhole(block, hash);
      return blockBytes;
    }
    const ranges = differingRanges(await this.#encoder.content(block), await this.#before(block));
    if (ranges.length === 0) {
      if (!isFar) throw sameInSpiteOfItsHash(block);
      // What was sent before, and may be there, was not what the base is.
      await this.#encoder.putWhole(block, hash);
      return blockBytes;
    }
    if (!(await this.#putMoved(block, ranges))) await this.#encoder.putChanged({ block, hash, ranges });
    return totalBytes(ranges);
  }

  /**
   * What of a block's changes was elsewhere before is copied, and the rest told. @returns whether
   * anything was found
   */
  async #putMoved(block: number, ranges: readonly DifferingRange[]): Promise<boolean> {
    const moved = this.#moved;
    if (moved === undefined || !moved.mayBeAsked(ranges)) return false;
    const content = await this.#encoder.content(block);
    if (!(await moved.isWorthAsking(content, ranges))) return false;
    const pieces = await grainRangesOf(ranges, (offset) => moved.find(block * blockBytes + offset, content, offset));
    const found = pieces.some(({ from }) => from !== undefined);
    if (found) this.#encoder.putPieces(block, pieces, content);
    else moved.lose();
    return found;
  }

  async #putMatched(block: number, hash: Uint8Array, target: TargetGrains): Promise<number> {
    const content = await this.#encoder.content(block);
    const ranges = target.differingRanges(block, content);
    // The block's hash says that it differs, whatever those of its grains do.
    if (ranges.length === 0) {
      await this.#encoder.putWhole(block, hash);
      return blockBytes;
    }
    const bytes = totalBytes(ranges);
    const pieces = await grainRangesOf(ranges, async (offset) => target.find(offset));
    if (bytes === blockBytes && pieces.every(({ from }) => from === undefined)) {
      await this.#encoder.putWhole(block, hash);
    } else this.#encoder.putPieces(block, pieces, content);
    return bytes;
  }

  *#putZeros(): Generator<Uint8Array, void, void> {
    const { offset, length } = this.#zeros;
    if (this.#encoder.full) yield this.#takeChunk();
    this.#encoder.putZeros(offset, length);
    this.#bytesChanged += length;
    this.#zeros = { offset: 0, length: 0 };
  }
}

/** Sent again in full, every block is verified. */
const sameInSpiteOfItsHash = (block: number): VisibleError =>
  new VisibleError("STORE_CORRUPT", `Block ${block} of an extent reads as its base does, and has another hash.`, {
    hint: "The extent will be sent in full. Check the disk of the source.",
  });

const keptOfAnother = (block: number): VisibleError =>
  new VisibleError("STORE_CORRUPT", `Block ${block} of an extent's base has another hash than was kept of it.`, {
    hint: "The extent will be sent in full. If it goes on, empty storage.hashesDir.",
  });

const differingHashes = (now: Uint8Array, before: Uint8Array): number[] => {
  const differing: number[] = [];
  if (isSame(now, before)) return differing;
  for (let block = 0; block * blockHashBytes < now.length; block++) {
    if (!isSame(hashAt(now, block), hashAt(before, block))) differing.push(block);
  }
  return differing;
};
