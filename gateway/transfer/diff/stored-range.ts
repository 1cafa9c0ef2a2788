import { blockBytes } from "../../../core/extent/geometry.ts";
import { storedEntryBytes, writeStoredEntry } from "../../storage/stored-blocks.ts";
import type { ExtentBlocks } from "../../storage/volume-io.ts";
import { frameHeaderBytes, storedBlocksMax } from "../frame/frame.ts";
import type { FrameChunks } from "../frame/frame-chunks.ts";

/**
 * Blocks that follow each other and are sent without looking inside, as they are stored or as they
 * are. They are gathered, and then read into one frame.
 */
export class StoredRange {
  readonly #out: FrameChunks;
  readonly #blocks: ExtentBlocks;
  readonly #compressed: boolean;
  readonly #table = new Uint8Array(storedBlocksMax * storedEntryBytes);
  #first = 0;
  #count = 0;
  #bytes = 0;

  /** @param options.compressed whether blocks are sent as they are stored; else their content is */
  constructor(options: { readonly out: FrameChunks; readonly blocks: ExtentBlocks; readonly compressed: boolean }) {
    this.#out = options.out;
    this.#blocks = options.blocks;
    this.#compressed = options.compressed;
  }

  /** What the frame will take; 0 while there is none. */
  get frameBytes(): number {
    return this.#count === 0 ? 0 : frameHeaderBytes + this.#count * storedEntryBytes + this.#bytes;
  }

  /** What one more block will take, at the end of a range. */
  entryBytes(block: number): number {
    return storedEntryBytes + this.#bytesOf(block);
  }

  add(block: number, hash: Uint8Array): void {
    if (this.#count === storedBlocksMax || block !== this.#first + this.#count) this.flush();
    if (this.#count === 0) this.#first = block;
    const bytes = this.#bytesOf(block);
    writeStoredEntry(this.#table, this.#count, hash, bytes);
    this.#count++;
    this.#bytes += bytes;
  }

  /** Puts what was gathered. @throws STORE_CORRUPT */
  flush(): void {
    if (this.#count === 0) return;
    const [first, count] = [this.#first, this.#count];
    const table = this.#table.subarray(0, count * storedEntryBytes);
    this.#out.putStored(first * blockBytes, table, this.#bytes, (into) => {
      if (this.#compressed) return this.#blocks.readStored(first, into);
      for (let at = 0; at < count; at++) {
        this.#blocks.readContent(first + at, into.subarray(at * blockBytes, (at + 1) * blockBytes));
      }
    });
    this.#count = 0;
    this.#bytes = 0;
  }

  #bytesOf(block: number): number {
    return this.#compressed ? this.#blocks.storedBytes(block) : blockBytes;
  }
}
