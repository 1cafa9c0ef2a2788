import assert from "node:assert/strict";
import type { ExtentBlocks } from "../driver.ts";
import type { BlockTable } from "./blocks.ts";
import { compressionLevel } from "./codec.ts";
import { corruptBlock, lastOfRun, type ReaderOptions, readAheadBytes, reloadsMax } from "./reader.ts";

/** The blocks of one extent in the form they have in their data files, read ahead for whoever takes them in order. */
export class StoredExtentBlocks implements ExtentBlocks {
  readonly hashes: Uint8Array;
  readonly level = compressionLevel;
  readonly #options: ReaderOptions;
  readonly #extent: number;
  readonly #ahead = Buffer.allocUnsafeSlow(readAheadBytes);
  /** What `#ahead` holds: so many bytes of a data file from `start` on. */
  #held = { fileId: 0, start: 0, bytes: 0 };

  /** @param table what the extent consists of */
  constructor(options: ReaderOptions, extent: number, table: BlockTable) {
    this.#options = options;
    this.#extent = extent;
    this.hashes = table.hashes();
  }

  readStored(block: number): Uint8Array {
    for (let reloads = 0; ; reloads++) {
      const table = this.#options.tables.get(this.#extent);
      assert(table !== undefined && !table.isHole(block), "a snapshot's block has become a hole");
      const stored = this.#find(table, block) ?? this.#read(table, block);
      if (stored !== undefined) return stored;
      if (reloads === reloadsMax) throw this.#corrupt(table, block, "the data file is missing");
      this.#options.tables.reload();
    }
  }

  #find(table: BlockTable, block: number): Uint8Array | undefined {
    const { fileId, start, bytes } = this.#held;
    const from = table.offset(block) - start;
    const to = from + table.storedBytes(block);
    return table.fileId(block) === fileId && from >= 0 && to <= bytes ? this.#ahead.subarray(from, to) : undefined;
  }

  /** @returns undefined when the data file isn't there */
  #read(table: BlockTable, block: number): Uint8Array | undefined {
    const last = lastOfRun(table, block, table.blockCount);
    const [fileId, start] = [table.fileId(block), table.offset(block)];
    const wanted = this.#ahead.subarray(0, table.offset(last) + table.storedBytes(last) - start);
    const bytes = this.#options.files.read(fileId, start, wanted);
    if (bytes === undefined) return undefined;
    this.#held = { fileId, start, bytes };
    const stored = this.#find(table, block);
    if (stored === undefined) throw this.#corrupt(table, block, "the data file ends before it");
    return stored;
  }

  #corrupt(table: BlockTable, block: number, what: string) {
    return corruptBlock(this.#options, { extent: this.#extent, block, table, what });
  }
}
