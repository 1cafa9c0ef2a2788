import { xxh32 } from "@node-rs/xxhash";
import { blockBytes } from "../../core/extent/geometry.ts";
import { blockHashBytes, isSame } from "../block-hash.ts";
import { type DifferingRange, totalBytes } from "./differences.ts";
import type { ExtentSource } from "./extent-source.ts";
import { grainBytes } from "./frame.ts";

/** Of an extent that is new all over; what is moved then is not found all of it. */
const anchorsMax = 65_536;

/**
 * Finds where in the base of an extent a content is that was somewhere else before. Of the base it knows the first grain of
 * each block that is different now (what moved has left its place), so every move of 68 KiB or more, by whole grains, is found
 * once, and then followed: from the first block on that is different all over.
 */
export class MovedContent {
  readonly #base: ExtentSource;
  /** Blocks that are different now, and have not been read yet. */
  readonly #unread: number[] = [];
  readonly #anchors = new Map<number, number>();
  /** By how much what was found last had moved. */
  #shift = 0;

  constructor(base: ExtentSource) {
    this.#base = base;
  }

  /** Tells of blocks that are different now; nothing is read for that. */
  add(blocks: Iterable<number>): void {
    for (const block of blocks) this.#unread.push(block);
  }

  /**
   * What was moved has left its place to something else, all of it: small changes inside a block are no reason to read the
   * whole extent's base. @throws STORE_CORRUPT of the base
   */
  async isWorthAsking(ranges: readonly DifferingRange[]): Promise<boolean> {
    if (this.#unread.length > 0 && totalBytes(ranges) === blockBytes) await this.#readAll();
    return this.#anchors.size > 0;
  }

  async #readAll(): Promise<void> {
    for (const block of this.#unread.splice(0)) {
      if (this.#anchors.size >= anchorsMax) return;
      const offset = block * blockBytes;
      this.#anchors.set(xxh32(await this.#base.cache.bytes(offset, grainBytes)), offset);
    }
  }

  /** Where in the base `grain`, which is at `offset` now, is; undefined where nobody knows. */
  async find(offset: number, grain: Uint8Array): Promise<number | undefined> {
    if (this.#shift !== 0 && (await this.#isAt(offset - this.#shift, grain))) return offset - this.#shift;
    const from = this.#anchors.get(xxh32(grain));
    if (from === undefined || from === offset || !(await this.#isAt(from, grain))) return undefined;
    this.#shift = offset - from;
    return from;
  }

  async #isAt(from: number, grain: Uint8Array): Promise<boolean> {
    if (from < 0 || from + grain.length > this.#base.extentBytes) return false;
    return isSame(await this.#base.cache.bytes(from, grain.length), grain);
  }
}

/** Where the blocks of an extent are, by their hashes. */
export class BlockIndex {
  readonly #places = new Map<string, number>();

  /** @param hashes one behind the other */
  constructor(hashes: Uint8Array) {
    const bytes = Buffer.from(hashes.buffer, hashes.byteOffset, hashes.length);
    for (let at = 0; at < bytes.length; at += blockHashBytes) {
      this.#places.set(bytes.toString("latin1", at, at + blockHashBytes), (at / blockHashBytes) * blockBytes);
    }
  }

  /** The offset of a block with this content. */
  find(hash: Uint8Array): number | undefined {
    return this.#places.get(Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1"));
  }
}
