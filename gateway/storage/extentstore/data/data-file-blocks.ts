import assert from "node:assert/strict";
import type { ExtentBlocks } from "../../volume-io.ts";
import type { BlockTable } from "./blocks.ts";
import { compressionLevel, unpackBlock } from "./codec.ts";
import { corruptBlock, lastOfRange, missing, type ReaderOptions, reloadsMax, unreadable } from "./reader.ts";

/** What is read at once of blocks that are asked for in order: it stays in a processor's cache. */
const aheadBytes = 256 * 1024;

/** The blocks of one extent as they are in their data files. */
export class DataFileBlocks implements ExtentBlocks {
  readonly hashes: Uint8Array;
  readonly level = compressionLevel;
  readonly #options: ReaderOptions;
  readonly #extent: number;
  /**
   * What an extent consists of stays, and how long its blocks are; only where they are may change.
   */
  readonly #sizes: BlockTable;
  #ahead: Buffer | undefined;
  /** What `#ahead` holds: so many bytes of a data file from `start` on. */
  #held = { fileId: 0, start: 0, bytes: 0 };
  #lastRead = -1;

  /** @param table what the extent consists of */
  constructor(options: ReaderOptions, extent: number, table: BlockTable) {
    this.#options = options;
    this.#extent = extent;
    this.#sizes = table;
    this.hashes = table.hashes();
  }

  storedBytes(block: number): number {
    return this.#sizes.storedBytes(block);
  }

  readStored(block: number, into: Uint8Array): void {
    for (let next = block, done = 0; done < into.byteLength; ) {
      const { table, after, wanted, had } = this.#read(next, this.#sizes.blockCount, into.subarray(done));
      assert(done + wanted <= into.byteLength, "room for a part of a block");
      if (had < wanted) {
        const readableTo = table.offset(next) + had;
        while (table.offset(next) + table.storedBytes(next) <= readableTo) next++;
        throw this.#corrupt(next, unreadable);
      }
      next = after;
      done += wanted;
    }
  }

  readContent(block: number, into: Uint8Array): void {
    const table = this.#table(block);
    const stored = this.#find(table, block) ?? this.#readAhead(block);
    this.#lastRead = block;
    if (!unpackBlock(stored, into)) throw this.#corrupt(block, "it is no Zstandard frame of a block");
  }

  #find(table: BlockTable, block: number): Uint8Array | undefined {
    const { fileId, start, bytes } = this.#held;
    const from = table.offset(block) - start;
    const to = from + table.storedBytes(block);
    return table.fileId(block) === fileId && from >= 0 && to <= bytes ? this.#ahead?.subarray(from, to) : undefined;
  }

  /**
   * Blocks in order are read many at once, others alone. Of what comes behind the block nothing
   * need be there.
   */
  #readAhead(block: number): Uint8Array {
    this.#ahead ??= Buffer.allocUnsafeSlow(aheadBytes);
    const end = block === this.#lastRead + 1 ? this.#sizes.blockCount : block + 1;
    this.#held = { fileId: 0, start: 0, bytes: 0 };
    const { table, had } = this.#read(block, end, this.#ahead);
    if (had < table.storedBytes(block)) throw this.#corrupt(block, unreadable);
    this.#held = { fileId: table.fileId(block), start: table.offset(block), bytes: had };
    return this.#ahead.subarray(0, table.storedBytes(block));
  }

  /**
   * Blocks from `block` on, before `end`: those that lie behind each other and that there is room
   * for in `into`.
   * @returns how many bytes were wanted for that, and how many there were
   */
  #read(block: number, end: number, into: Uint8Array) {
    for (let reloads = 0; ; reloads++) {
      const table = this.#table(block);
      const after = lastOfRange(table, block, end, into.byteLength) + 1;
      const wanted = table.offset(after - 1) + table.storedBytes(after - 1) - table.offset(block);
      const had = this.#options.files.read(table.fileId(block), table.offset(block), into.subarray(0, wanted));
      if (had !== undefined) return { table, after, wanted, had };
      if (reloads === reloadsMax) throw this.#corrupt(block, missing);
      this.#options.tables.reload();
    }
  }

  #table(block: number): BlockTable {
    const table = this.#options.tables.get(this.#extent);
    assert(table !== undefined && !table.isHole(block), "a snapshot's block has become a hole");
    return table;
  }

  #corrupt(block: number, what: string) {
    return corruptBlock(this.#options, { extent: this.#extent, block, table: this.#table(block), what });
  }
}
