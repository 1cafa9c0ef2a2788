import assert from "node:assert";
import { blockAt, blockBytes } from "../../../core/extent/geometry.ts";
import type { BlockCache } from "./block-cache.ts";

/**
 * Puts the parts of a block that come together with what it was before, so that it is
 * written once and whole.
 */
export class PartialBlock {
  readonly #base: Pick<BlockCache, "bytes"> | undefined;
  readonly #write: (offset: number, content: Uint8Array) => Promise<void>;
  readonly #content = Buffer.allocUnsafe(blockBytes);
  #block: number | undefined;

  /** @param base what the extent was before; undefined: nothing but zeros */
  constructor(
    base: Pick<BlockCache, "bytes"> | undefined,
    write: (offset: number, content: Uint8Array) => Promise<void>,
  ) {
    this.#base = base;
    this.#write = write;
  }

  /**
   * Begins with a block, unless it is the one that is being put together; that one is written then.
   */
  async open(block: number): Promise<void> {
    if (block === this.#block) return;
    await this.flush();
    if (this.#base === undefined) this.#content.fill(0);
    else this.#content.set(await this.#base.bytes(block * blockBytes, blockBytes));
    this.#block = block;
  }

  /** A part of the block that is open, at byte `offset` of the extent. */
  put(offset: number, part: Uint8Array): void {
    assert(this.#block === blockAt(offset), "a part of another block");
    this.#content.set(part, offset % blockBytes);
  }

  /** Writes what has been put together. */
  async flush(): Promise<void> {
    const block = this.#block;
    this.#block = undefined;
    if (block !== undefined) await this.#write(block * blockBytes, this.#content);
  }
}
