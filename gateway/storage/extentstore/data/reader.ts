import assert from "node:assert/strict";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockAt, blockBytes } from "../../../../core/extent/geometry.ts";
import { locate, roundedSizeBytes } from "../../../../core/extent/striping.ts";
import { type BlockTable, damageHint } from "./blocks.ts";
import { isBlock, restoreBlock } from "./codec.ts";
import type { DamageNotes } from "./damage.ts";
import { dataFilePath } from "./data-file.ts";
import type { DataFileReaders } from "./data-file-readers.ts";

/** The most that is read from a data file at once. */
const readAheadBytes = 1024 * 1024;
/** And of blocks that are only looked at: they stay in a processor's cache. */
const verifiedAtOnceBytes = 256 * 1024;
/**
 * The collector moves blocks and removes the files they were in; a table that is read again names
 * the new ones.
 */
export const reloadsMax = 5;

// Reads are synchronous, so one buffer a thread is enough for all readers.
const scratch = Buffer.allocUnsafe(readAheadBytes);

const wrongContent = "its checksum doesn't match";
export const missing = "the data file is missing";
export const unreadable = "the data file ends before it does, or the disk can't read so far";
const nothing = { fileId: 0, offset: 0 };

/** Where a reader gets its extents' block tables from. */
export interface BlockTables {
  /** @returns the extent's blocks, or undefined for a hole */
  get(extent: number): BlockTable | undefined;
  /** Forgets what was cached: blocks have moved. */
  reload(): void;
}

export interface ReaderOptions {
  /** What is read, for errors: "volume x", "snapshot y". */
  readonly label: string;
  readonly geometry: Geometry;
  readonly sizeBytes: number;
  readonly dataDir: string;
  readonly files: DataFileReaders;
  readonly tables: BlockTables;
  /** Is told of what turns out to be damaged. */
  readonly damage: DamageNotes;
}

/** Reads ranges of a volume or snapshot, verifying every block. */
export class ExtentReader {
  readonly #options: ReaderOptions;
  readonly #recentBlock = Buffer.allocUnsafe(blockBytes);
  /** What `#recentBlock` holds: neighbouring small reads need their block restored only once. */
  #recent = nothing;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Fills `into` from byte `offset` of the volume. @throws STORE_CORRUPT */
  read(offset: number, into: Uint8Array): void {
    const { geometry, sizeBytes } = this.#options;
    assert(
      offset >= 0 && offset + into.byteLength <= roundedSizeBytes(geometry, sizeBytes),
      "read past the last extent",
    );
    for (let done = 0; done < into.byteLength; ) {
      const at = locate(geometry, offset + done);
      const length = Math.min(at.contiguousBytes, into.byteLength - done);
      this.readExtent(at.extent, at.offsetInExtent, into.subarray(done, done + length));
      done += length;
    }
  }

  /** Fills `into` from byte `offset` of an extent. @throws STORE_CORRUPT */
  readExtent(extent: number, offset: number, into: Uint8Array): void {
    this.#reloading(extent, (table) => {
      if (table !== undefined) return this.#readBlocks({ extent, table, offset, into });
      into.fill(0);
      return undefined;
    });
  }

  /**
   * Reads blocks of an extent from `first` on, before `end`, to see whether they are what they
   * should be. @throws STORE_CORRUPT
   */
  verify(extent: number, first: number, end: number): void {
    this.#reloading(extent, (table) => {
      for (let block = first; table !== undefined && block < end; ) {
        if (table.isHole(block)) block++;
        else {
          const after = lastOfRange(table, block, end, verifiedAtOnceBytes) + 1;
          if (!this.#verifyRun(extent, table, block, after)) return block;
          block = after;
        }
      }
      return undefined;
    });
  }

  /**
   * Does `work` again with what has become of the extent while it gives a block whose data file
   * isn't there.
   */
  #reloading(extent: number, work: (table: BlockTable | undefined) => number | undefined): void {
    for (let reloads = 0; ; reloads++) {
      const table = this.#options.tables.get(extent);
      const block = work(table);
      if (table === undefined || block === undefined) return;
      if (reloads === reloadsMax) throw this.#corrupt(extent, block, table, missing);
      this.#options.tables.reload();
    }
  }

  /** @returns a block whose data file isn't there, if one isn't */
  #readBlocks(range: { extent: number; table: BlockTable; offset: number; into: Uint8Array }): number | undefined {
    const { extent, table, offset, into } = range;
    const end = offset + into.byteLength;
    for (let position = offset; position < end; ) {
      const block = blockAt(position);
      if (table.isHole(block)) {
        const next = Math.min(end, (block + 1) * blockBytes);
        into.fill(0, position - offset, next - offset);
        position = next;
        continue;
      }
      const after = lastOfRange(table, block, Math.ceil(end / blockBytes)) + 1;
      const next = Math.min(end, after * blockBytes);
      const part = into.subarray(position - offset, next - offset);
      if (!this.#readRange({ extent, table, block, after, skip: position - block * blockBytes, into: part }))
        return block;
      position = next;
    }
    return undefined;
  }

  /**
   * Blocks that lie behind each other in one data file, with one read.
   * @returns whether the file was there
   */
  #readRange(range: {
    extent: number;
    table: BlockTable;
    block: number;
    after: number;
    skip: number;
    into: Uint8Array;
  }): boolean {
    const { extent, table, into } = range;
    if (range.after === range.block + 1 && this.#isRecent(table, range.block)) {
      into.set(this.#recentBlock.subarray(range.skip, range.skip + into.byteLength));
      return true;
    }
    const had = this.#readStored(table, range.block, range.after);
    if (had === undefined) return false;
    let filled = 0;
    let from = 0;
    for (let block = range.block; block < range.after; block++) {
      const to = from + table.storedBytes(block);
      if (to > had) throw this.#corrupt(extent, block, table, unreadable);
      const skip = block === range.block ? range.skip : 0;
      const wanted = into.subarray(filled, Math.min(into.byteLength, filled + blockBytes - skip));
      this.#restore({ extent, table, block, stored: scratch.subarray(from, to), skip, into: wanted });
      filled += blockBytes - skip;
      from = to;
    }
    return true;
  }

  /** The same, only to see whether they are what they should be. */
  #verifyRun(extent: number, table: BlockTable, first: number, after: number): boolean {
    const had = this.#readStored(table, first, after);
    if (had === undefined) return false;
    this.#recent = nothing;
    for (let block = first, from = 0; block < after; block++) {
      const to = from + table.storedBytes(block);
      if (to > had) throw this.#corrupt(extent, block, table, unreadable);
      if (!isBlock(scratch.subarray(from, to), table.hash(block), this.#recentBlock)) {
        throw this.#corrupt(extent, block, table, wrongContent);
      }
      from = to;
    }
    return true;
  }

  /**
   * Fills `scratch` with blocks that lie behind each other. @returns how many bytes there were, or
   * undefined without the file
   */
  #readStored(table: BlockTable, first: number, after: number): number | undefined {
    const start = table.offset(first);
    const bytes = table.offset(after - 1) + table.storedBytes(after - 1) - start;
    return this.#options.files.read(table.fileId(first), start, scratch.subarray(0, bytes));
  }

  #restore(one: {
    extent: number;
    table: BlockTable;
    block: number;
    stored: Uint8Array;
    skip: number;
    into: Uint8Array;
  }): void {
    const { extent, table, block, stored, into } = one;
    const whole = into.byteLength === blockBytes;
    if (!whole) this.#recent = nothing;
    if (!restoreBlock(stored, table.hash(block), whole ? into : this.#recentBlock)) {
      throw this.#corrupt(extent, block, table, wrongContent);
    }
    if (whole) return;
    this.#recent = { fileId: table.fileId(block), offset: table.offset(block) };
    into.set(this.#recentBlock.subarray(one.skip, one.skip + into.byteLength));
  }

  #isRecent(table: BlockTable, block: number): boolean {
    return this.#recent.fileId === table.fileId(block) && this.#recent.offset === table.offset(block);
  }

  #corrupt(extent: number, block: number, table: BlockTable, what: string): VisibleError {
    return corruptBlock(this.#options, { extent, block, table, what });
  }
}

/** STORE_CORRUPT, naming where the bytes are wrong, which is remembered. */
export const corruptBlock = (
  { dataDir, label, damage }: Pick<ReaderOptions, "dataDir" | "label" | "damage">,
  at: { readonly extent: number; readonly block: number; readonly table: BlockTable; readonly what: string },
): VisibleError => {
  const { extent, block, table, what } = at;
  const fileId = table.fileId(block);
  const path = dataFilePath(dataDir, fileId);
  damage.note(what === missing ? { fileId, from: 0 } : { fileId, offset: table.offset(block) });
  return new VisibleError(
    "STORE_CORRUPT",
    `A block of ${label} can't be read, ${what}: extent ${extent}, block ${block} of it, ` +
      `${table.storedBytes(block)} bytes at ${table.offset(block)} in ${path}.`,
    { hint: damageHint },
  );
};

/**
 * The last block before `end` that follows `block` in its data file without a gap, `bytesMax` of it
 * at the most.
 */
export const lastOfRange = (table: BlockTable, block: number, end: number, bytesMax = readAheadBytes): number => {
  const start = table.offset(block);
  let last = block;
  for (let next = block + 1; next < end; next++) {
    const offset = table.offset(last) + table.storedBytes(last);
    if (table.fileId(next) !== table.fileId(block) || table.offset(next) !== offset) break;
    if (offset + table.storedBytes(next) - start > bytesMax) break;
    last = next;
  }
  return last;
};
