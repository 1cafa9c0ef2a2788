import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash } from "../../storage/block-hash.ts";
import type { BlockCompressor } from "../frame/content.ts";
import { type ExtentPart, frameHeaderBytes, grainBytes } from "../frame/frame.ts";
import { blockFramesBytesMax, type FrameChunks } from "../frame/frame-chunks.ts";
import { type DifferingRange, totalBytes } from "./differences.ts";
import type { ExtentSource } from "./extent-source.ts";
import type { GrainRange } from "./grain-ranges.ts";
import { resembles } from "./resemblance.ts";
import { StoredRange } from "./stored-range.ts";

/** How content is made smaller. */
export interface Encoding {
  /** Of zstd. */
  readonly level: number;
  /** Whether a block that changed in part is compressed by what it was before. */
  readonly dictionary: boolean;
}

/** A block of which more than that is different is sent whole, in the form that it is stored in. */
const mostOfBlockBytes = blockBytes - grainBytes;
/**
 * A delta that is smaller than this part of what differs is taken without looking at other ways.
 */
const deltaGoodFraction = 0.25;
/**
 * What lies around a change in its block is part of the dictionary: content may
 * have moved a little.
 */
const aroundBytes = grainBytes;
/** And around a block where its neighbour changed too. */
const aroundBlockBytes = 16 * 1024;
/** After so many blocks in a row that were like nothing that was there before, */
const strangersMax = 8;
/** only one of so many is looked at, until one is like it. */
const lookedAtOf = 8;
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
  /** Undefined: blocks are not sent without looking inside. */
  readonly #range: StoredRange | undefined;
  #lastBlock = -2;
  #strangers = 0;

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
    const { blocks } = now;
    const asStored = blocks !== undefined && !verify && (encoding?.level ?? 0) <= blocks.level;
    this.#range = asStored ? new StoredRange({ out, blocks, compressed: encoding !== undefined }) : undefined;
  }

  /** Whether the chunk has to be taken, after a `flush`, before the next block is put. */
  get full(): boolean {
    return this.#out.room - (this.#range?.frameBytes ?? 0) < blockFramesBytesMax;
  }

  /**
   * Puts what was held back: blocks that follow each other go into one frame. @throws STORE_CORRUPT
   */
  flush(): void {
    this.#range?.flush();
  }

  /** The content of a block. @throws STORE_CORRUPT */
  async content(block: number): Promise<Uint8Array> {
    return this.#now.cache.bytes(block * blockBytes, blockBytes);
  }

  /** Blocks that have become zeros. */
  putZeros(offset: number, length: number): void {
    this.flush();
    this.#out.putZeros(offset, length);
  }

  /** A block whose content the target has at `from`. */
  putCopy(block: number, hash: Uint8Array, from: number): void {
    this.flush();
    this.#out.put({ type: "copy", offset: block * blockBytes, contentBytes: blockBytes, hash, from });
  }

  /** A block of which the base has nothing. */
  async putWhole(block: number, hash: Uint8Array): Promise<void> {
    if (!this.putUnread(block, hash)) this.#out.putContent(block * blockBytes, await this.content(block), hash);
  }

  /**
   * A block of which the base has nothing, without looking inside.
   * @returns whether that can be; nothing was put if not
   */
  putUnread(block: number, hash: Uint8Array): boolean {
    this.#range?.add(block, hash);
    return this.#range !== undefined;
  }

  /** A block that changed. `ranges` must not be empty. */
  async putChanged({ block, hash, ranges }: DifferingBlock): Promise<void> {
    const content = await this.content(block);
    const start = block * blockBytes;
    const afterChange = this.#lastBlock === block - 1;
    this.#lastBlock = block;
    if (totalBytes(ranges) > mostOfBlockBytes) {
      if (this.takesForNew()) return this.putWhole(block, hash);
      const around = afterChange ? aroundBlockBytes : 0;
      const dictionary = this.#partOf(start - around, start + blockBytes + around);
      const put = () => (this.#range ? this.#range.add(block, hash) : this.#out.putContent(start, content, hash));
      const isDelta = await this.#putSmallest({
        ...{ offset: start, content, hash, dictionary },
        plain: { bytes: this.#range?.entryBytes(block), put },
      });
      this.#strangers = isDelta ? 0 : this.#strangers + 1;
      return;
    }
    this.flush();
    this.#strangers = 0;
    for (const range of ranges) {
      const { offset, length } = range;
      const from = start + Math.max(0, offset - aroundBytes);
      const dictionary = this.#partOf(from, start + Math.min(blockBytes, offset + length + aroundBytes));
      const changed = content.subarray(offset, offset + length);
      const put = () => this.#out.putContent(start + offset, changed);
      const plain = { bytes: undefined, put };
      await this.#putSmallest({ offset: start + offset, content: changed, hash: undefined, dictionary, plain });
    }
  }

  /** Whether the next block that is different all over is taken for new without looking. */
  takesForNew(): boolean {
    if (this.#strangers < strangersMax || (this.#strangers - strangersMax) % lookedAtOf === lookedAtOf - 1)
      return false;
    this.#strangers++;
    return true;
  }

  /** Parts of a block: copies of what the target has, and the rest as it is. */
  putPieces(block: number, pieces: readonly GrainRange[], content: Uint8Array): void {
    this.flush();
    this.#strangers = 0;
    for (const { offset: inBlock, length, from } of pieces) {
      const offset = block * blockBytes + inBlock;
      const part = content.subarray(inBlock, inBlock + length);
      if (from === undefined) this.#out.putContent(offset, part);
      else this.#out.put({ type: "copy", offset, contentBytes: length, hash: blockHash(part), from });
    }
  }

  /** Content as a delta, or by `plain`, whichever is smaller. @returns whether as a delta */
  async #putSmallest(change: {
    readonly offset: number;
    readonly content: Uint8Array;
    /** Undefined: not known yet. */
    readonly hash: Uint8Array | undefined;
    readonly dictionary: ExtentPart;
    /** How many bytes it would put, undefined where that is known only afterwards. */
    readonly plain: { readonly bytes: number | undefined; readonly put: () => void };
  }): Promise<boolean> {
    const { offset, content, dictionary, plain } = change;
    const before = await this.#before(dictionary);
    // From here on nothing is waited for: the compressor serves other extents too.
    const stored = before && this.#delta(content, before);
    if (stored === undefined) {
      plain.put();
      return false;
    }
    const deltaBytes = stored.length + deltaOverheadBytes;
    const { hash = blockHash(content) } = change;
    const delta = { type: "delta", offset, contentBytes: content.length, hash, dictionary, stored } as const;
    if (plain.bytes !== undefined && plain.bytes <= deltaBytes) {
      plain.put();
      return false;
    }
    this.flush();
    if (plain.bytes === undefined && deltaBytes > content.length * deltaGoodFraction) {
      // The next compression would write over it.
      const kept = stored.slice();
      if (this.#out.attempt(deltaBytes, plain.put) < deltaBytes) return false;
      this.#out.put({ ...delta, stored: kept });
    } else this.#out.put(delta);
    return true;
  }

  /** @returns undefined where there is no such thing, or it is not to be used */
  async #before({ from, bytes }: ExtentPart): Promise<Uint8Array | undefined> {
    return this.#encoding?.dictionary === true ? this.#base?.cache.bytes(from, bytes) : undefined;
  }

  /** @returns undefined where it would not be smaller than the content, as far as a look tells */
  #delta(content: Uint8Array, before: Uint8Array): Uint8Array | undefined {
    if (this.#encoding === undefined || !resembles(content, before)) return undefined;
    const stored = this.#compressor.compressDelta(content, before, Math.max(1, this.#encoding.level));
    return stored.length + deltaOverheadBytes < content.length ? stored : undefined;
  }

  /** The part of the extent between two offsets, which may lie outside it. */
  #partOf(from: number, to: number): ExtentPart {
    const first = Math.max(0, from);
    return { from: first, bytes: Math.min(to, this.#now.extentBytes) - first };
  }
}
