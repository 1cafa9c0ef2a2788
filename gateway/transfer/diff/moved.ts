import { xxh32 } from "@node-rs/xxhash";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { isSame } from "../../storage/block-hash.ts";
import { grainBytes } from "../frame/frame.ts";
import { type DifferingRange, totalBytes } from "./differences.ts";
import type { ExtentSource } from "./extent-source.ts";

/** Of an extent that is new all over; what is moved then is not found all of it. */
const anchorsMax = 65_536;
/** To find out whether anything has moved at all, the first blocks are looked at, */
const lookedAtFirst = 32;
/** and then one of so many. */
const sampledOf = 8;

/**
 * Finds where in the base of an extent a content is that was somewhere else before. What moved has
 * left its place, so it is looked for in those blocks of the base that are different now, by the
 * first grain of each: a move of 68 KiB or more, by whole grains, is found at the first such grain
 * of it, and then followed, from the first block on that is different all over. Where many are
 * different only one of eight is read for that, and all of its grains remembered, until something
 * is found: of the first move up to 512 KiB are not found there.
 */
export class MovedContent {
  readonly #base: ExtentSource;
  /**
   * Blocks that are different now: of whom nothing has been read, and who have been passed over.
   */
  #new: number[] = [];
  #skipped: number[] = [];
  #seen = 0;
  /** What is known of grains without hashing them. */
  readonly #keys = new Set<number>();
  readonly #anchors = new Map<number, number>();
  #anyFound = false;
  /** By how much what was found last had moved. */
  #shift = 0;

  constructor(base: ExtentSource) {
    this.#base = base;
  }

  /** Tells of blocks that are different now; nothing is read for that. */
  add(blocks: Iterable<number>): void {
    for (const block of blocks) this.#new.push(block);
  }

  /** What `isWorthAsking` says without looking at anything. */
  mayBeAsked(ranges: readonly DifferingRange[]): boolean {
    const mayLook = this.#new.length > 0 && totalBytes(ranges) === blockBytes;
    return mayLook || this.#shift !== 0 || this.#keys.size > 0;
  }

  /**
   * What was moved has left its place to something else, all of it: small changes inside a block
   * are no reason to read the base.
   * @throws STORE_CORRUPT of the base
   */
  async isWorthAsking(content: Uint8Array, ranges: readonly DifferingRange[]): Promise<boolean> {
    if (totalBytes(ranges) === blockBytes) await this.#look();
    if (this.#shift !== 0) return true;
    return ranges.some(({ offset, length }) => {
      for (let at = offset; at < offset + length; at += grainBytes) {
        if (this.#keys.has(keyOf(content, at))) return true;
      }
      return false;
    });
  }

  /**
   * Where in the base the grain at `inBlock` of a block is, which is at `offset` now;
   * undefined where nobody knows.
   */
  async find(offset: number, content: Uint8Array, inBlock: number): Promise<number | undefined> {
    const grain = content.subarray(inBlock, inBlock + grainBytes);
    if (this.#shift !== 0 && (await this.#isAt(offset - this.#shift, grain))) return offset - this.#shift;
    if (!this.#keys.has(keyOf(content, inBlock))) return undefined;
    const from = this.#anchors.get(xxh32(grain));
    if (from === undefined || from === offset || !(await this.#isAt(from, grain))) return undefined;
    this.#shift = offset - from;
    if (!this.#anyFound) await this.#lookEverywhere();
    return from;
  }

  /** Nothing of a block had moved, so what comes behind it is not where the last find was. */
  lose(): void {
    this.#shift = 0;
  }

  async #look(): Promise<void> {
    for (const block of this.#new.splice(0)) {
      if (this.#anyFound) await this.#remember(block, grainBytes);
      else if (++this.#seen <= lookedAtFirst) await this.#remember(block, grainBytes);
      else if (this.#seen % sampledOf === 0) await this.#remember(block, blockBytes);
      else this.#skipped.push(block);
    }
  }

  async #lookEverywhere(): Promise<void> {
    this.#anyFound = true;
    for (const block of this.#skipped.splice(0)) await this.#remember(block, grainBytes);
  }

  /** Anchors at the grains of a block, as far as `bytes`. */
  async #remember(block: number, bytes: number): Promise<void> {
    if (this.#anchors.size >= anchorsMax) return;
    const offset = block * blockBytes;
    const content = await this.#base.cache.bytes(offset, bytes);
    for (let at = 0; at < bytes; at += grainBytes) {
      const key = keyOf(content, at);
      // It looks like the same word all over, which is everywhere and says nothing.
      if (key === sameWords) continue;
      this.#keys.add(key);
      this.#anchors.set(xxh32(content.subarray(at, at + grainBytes)), offset + at);
    }
  }

  async #isAt(from: number, grain: Uint8Array): Promise<boolean> {
    if (from < 0 || from + grain.length > this.#base.extentBytes) return false;
    return isSame(await this.#base.cache.bytes(from, grain.length), grain);
  }
}

const sameWords = 0;

/**
 * Words of a grain that its key is made of: records of a table share some of theirs, and
 * hardly all of these.
 */
const keyWordsAt = [64, 588, 1132, 1676, 2204, 2748, 3292, 3820] as const;

/** A few words of a grain, mixed: other keys are other grains. */
const keyOf = (content: Uint8Array, at: number): number => {
  const first = wordAt(content, at + keyWordsAt[0]);
  let key = first;
  let same = true;
  for (let index = 1; index < keyWordsAt.length; index++) {
    const word = wordAt(content, at + (keyWordsAt[index] ?? 0));
    same &&= word === first;
    key = Math.imul(key ^ word, 0x9e3779b1) ^ (key >>> 15);
  }
  return same ? sameWords : key;
};

const wordAt = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
