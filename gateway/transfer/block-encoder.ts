import { blockBytes } from "../../core/extent/geometry.ts";
import type { BlockCompressor } from "./content.ts";
import type { DifferingRange } from "./differences.ts";
import type { ExtentSource } from "./extent-source.ts";
import { frameHeaderBytes } from "./frame.ts";
import type { FrameChunks } from "./frame-chunks.ts";

/** How content is made smaller. */
export interface Encoding {
  /** Of zstd. */
  readonly level: number;
  /** Whether a block that changed in part is compressed by what it was before. */
  readonly dictionary: boolean;
}

/** A block of which so much is different is sent whole, in the form that it is stored in. */
const mostOfBlockBytes = (blockBytes * 3) / 4;
/** A delta that is smaller than this part of what differs is taken without looking at other ways. */
const deltaGoodFraction = 0.25;
/** A delta is a gain when it is smaller than this part of what it takes without one. */
const deltaGainFraction = 0.8;
/** After so many deltas in a row that were no gain, only each of so many blocks is tried. */
const missesMax = 4;
const triedAfterMisses = 8;
/** What lies around a block is part of the dictionary where its neighbour changed too: content may have moved a little. */
const aroundBytes = 16 * 1024;
/** Bytes before the stored ones of a delta. */
const deltaOverheadBytes = frameHeaderBytes + 8;

/** What is there to say of a block that differs. */
export interface DifferingBlock {
  readonly block: number;
  readonly hash: Uint8Array;
  /** What differs, in the block; all of it where the base has nothing there. */
  readonly ranges: readonly DifferingRange[];
}

/** Puts blocks of an extent into frames, each in whichever form is smallest. */
export class BlockEncoder {
  readonly #out: FrameChunks;
  readonly #now: ExtentSource;
  readonly #base: ExtentSource | undefined;
  readonly #compressor: BlockCompressor;
  readonly #encoding: Encoding | undefined;
  readonly #storedAllowed: boolean;
  /** Deltas in a row that were no gain: of blocks that are different in part, and of those that are all over. */
  readonly #misses = { part: 0, whole: 0 };
  #lastBlock = -2;

  constructor(options: {
    readonly out: FrameChunks;
    readonly now: ExtentSource;
    /** What the target has in the extent, where it can be read here. */
    readonly base: ExtentSource | undefined;
    readonly compressor: BlockCompressor;
    /** Undefined: nothing is compressed. */
    readonly encoding: Encoding | undefined;
    /** Every block is read, and so verified, before it is sent. */
    readonly verify: boolean;
  }) {
    const { out, now, base, compressor, encoding, verify } = options;
    this.#out = out;
    this.#now = now;
    this.#base = base;
    this.#compressor = compressor;
    this.#encoding = encoding;
    const storedLevel = now.blocks?.level;
    this.#storedAllowed =
      !verify && encoding !== undefined && storedLevel !== undefined && encoding.level <= storedLevel;
  }

  /** The content of a block, verified. @throws STORE_CORRUPT */
  async content(block: number): Promise<Uint8Array> {
    return this.#now.cache.bytes(block * blockBytes, blockBytes);
  }

  /** A block of which the base has nothing. */
  async putWhole(block: number, hash: Uint8Array): Promise<void> {
    const stored = this.#stored(block);
    if (stored === undefined) this.#out.putContent(block * blockBytes, await this.content(block), hash);
    else this.#putStored(block, hash, stored);
  }

  /** A block that changed. `ranges` must not be empty. */
  async putChanged({ block, hash, ranges }: DifferingBlock): Promise<void> {
    const content = await this.content(block);
    const differingBytes = ranges.reduce((sum, { length }) => sum + length, 0);
    const kind = differingBytes < blockBytes ? "part" : "whole";
    const delta = await this.#delta(block, content, kind);
    const deltaBytes = delta === undefined ? Number.POSITIVE_INFINITY : delta.stored.length + deltaOverheadBytes;
    const putDelta = () => {
      if (delta !== undefined)
        this.#out.put({ type: "delta", offset: block * blockBytes, contentBytes: blockBytes, hash, ...delta });
    };
    if (deltaBytes <= differingBytes * deltaGoodFraction) {
      this.#misses[kind] = 0;
      putDelta();
      return;
    }
    const plainBytes = this.#out.attempt(deltaBytes, () =>
      this.#putPlain({ block, hash, ranges }, content, differingBytes),
    );
    if (plainBytes >= deltaBytes) putDelta();
    if (delta === undefined) return;
    const gained = deltaBytes < plainBytes * deltaGainFraction;
    this.#misses[kind] = gained ? 0 : this.#misses[kind] + 1;
  }

  /** Ranges of a block as they are. */
  putRange(block: number, { offset, length }: DifferingRange, content: Uint8Array): void {
    this.#out.putContent(block * blockBytes + offset, content.subarray(offset, offset + length));
  }

  #putPlain({ block, hash, ranges }: DifferingBlock, content: Uint8Array, differingBytes: number): void {
    const stored = differingBytes >= mostOfBlockBytes ? this.#stored(block) : undefined;
    if (stored !== undefined) this.#putStored(block, hash, stored);
    else if (differingBytes === blockBytes) this.#out.putContent(block * blockBytes, content, hash);
    else for (const range of ranges) this.putRange(block, range, content);
  }

  #stored(block: number): Uint8Array | undefined {
    return this.#storedAllowed ? this.#now.blocks?.readStored(block) : undefined;
  }

  #putStored(block: number, hash: Uint8Array, stored: Uint8Array): void {
    const type = stored.length === blockBytes ? "raw" : "zstd";
    this.#out.put({ type, offset: block * blockBytes, contentBytes: blockBytes, hash, stored });
  }

  async #delta(block: number, content: Uint8Array, kind: "part" | "whole") {
    const base = this.#base;
    if (base === undefined || this.#encoding === undefined || !this.#encoding.dictionary) return undefined;
    const neighbourChanged = this.#lastBlock === block - 1;
    this.#lastBlock = block;
    if (this.#misses[kind] >= missesMax && block % triedAfterMisses !== 0) return undefined;
    const around = neighbourChanged ? aroundBytes : 0;
    const from = Math.max(0, block * blockBytes - around);
    const bytes = Math.min(base.extentBytes, (block + 1) * blockBytes + around) - from;
    const dictionary = await base.cache.bytes(from, bytes);
    const stored = this.#compressor.compressDelta(content, dictionary, Math.max(1, this.#encoding.level));
    return stored.length + deltaOverheadBytes < blockBytes ? { dictionary: { from, bytes }, stored } : undefined;
  }
}
