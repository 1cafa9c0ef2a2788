import assert from "node:assert/strict";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockAt, blockBytes } from "../../../../core/extent/geometry.ts";
import { locate } from "../../../../core/extent/striping.ts";
import { isZeroBlock } from "../../block-hash.ts";
import type { StoredBlocks } from "../../stored-blocks.ts";
import { BlockSet } from "./block-set.ts";
import { type BlockLocation, BlockTable } from "./blocks.ts";
import type { DataFileWriter } from "./data-file.ts";
import type { OpenDataFiles } from "./open-files.ts";
import { type BlockTables, ExtentReader, type ReaderOptions } from "./reader.ts";
import { relocate } from "./relocate.ts";
import type { CommittedTables } from "./tables.ts";
import type { PendingExtent } from "./versions.ts";

/**
 * Blocks that were written in part wait here uncompressed for the rest, so that small writes
 * rewrite a block once; of stripes that are shorter than a block, one an extent that is written in
 * turn.
 */
const partialBlocksMin = 32;

interface Pending {
  readonly table: BlockTable;
  readonly dirty: BlockSet;
}

/**
 * Writes to a volume that aren't committed yet. Whole blocks are in a data file already, partly
 * written ones in a bounded buffer; both are read from here as if they were there, and are nobody
 * else's until `commit`.
 */
export class PendingWrites implements BlockTables {
  readonly #volumeId: string;
  readonly #geometry: Geometry;
  readonly #sizeBytes: number;
  readonly #committed: CommittedTables;
  readonly #openFiles: OpenDataFiles;
  readonly #reader: ExtentReader;
  readonly #extents = new Map<number, Pending>();
  readonly #partials = new Map<number, Buffer>();
  #file: DataFileWriter | undefined;
  #appendedBytes = 0;

  constructor(
    options: Omit<ReaderOptions, "tables"> & {
      readonly volumeId: string;
      readonly committed: CommittedTables;
      readonly openFiles: OpenDataFiles;
    },
  ) {
    this.#volumeId = options.volumeId;
    this.#geometry = options.geometry;
    this.#sizeBytes = options.sizeBytes;
    this.#committed = options.committed;
    this.#openFiles = options.openFiles;
    this.#reader = new ExtentReader({ ...options, tables: this });
  }

  /** Bytes in data files that a commit would make visible. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  get extentCount(): number {
    return this.#extents.size;
  }

  get(extent: number): BlockTable | undefined {
    return this.#extents.get(extent)?.table ?? this.#committed.get(extent);
  }

  reload(): void {
    this.#committed.reload();
    for (const [extent, pending] of this.#extents) {
      if (pending.dirty.isFull) continue;
      const table = this.#committed.get(extent)?.clone() ?? BlockTable.holes(pending.table.blockCount);
      for (const block of pending.dirty) table.copyBlock(pending.table, block);
      this.#extents.set(extent, { table, dirty: pending.dirty });
    }
  }

  read(offset: number, into: Uint8Array): void {
    if (this.#partials.size > 0) this.#spillRange(offset, into.byteLength);
    this.#drain();
    this.#reader.read(offset, into);
  }

  /**
   * @throws STORE_FULL, DISK_FAILED, STORE_CORRUPT (when a block that is written
   * in part can't be read)
   */
  write(offset: number, data: Uint8Array): void {
    this.#eachBlock(offset, data.byteLength, (extent, block, from, to, done) => {
      const part = data.subarray(done, done + to - from);
      if (to - from === blockBytes) this.#putBlock(extent, block, part);
      else this.#partial(extent, block, this.#isLast(from, offset + done + to - from)).set(part, from);
    });
  }

  /**
   * Puts blocks of an extent, from `block` on, as they are to be stored. Nobody has looked inside;
   * reading them tells whether they are what their hashes name. @throws STORE_FULL, DISK_FAILED
   */
  writeStored(extent: number, block: number, stored: StoredBlocks): void {
    const { fileId, offset } = this.#onFile((file) => ({ fileId: file.id, offset: file.appendStored(stored.bytes) }));
    const end = block + stored.count;
    if (this.#partials.size > 0) for (let at = block; at < end; at++) this.#partials.delete(this.#key(extent, at));
    const pending = this.#pending(extent);
    pending.table.setRange(block, { fileId, offset, stored });
    pending.dirty.addRange(block, end);
    this.#appendedBytes += stored.bytes.length;
  }

  zero(offset: number, length: number): void {
    this.#eachBlock(offset, length, (extent, block, from, to, done) => {
      const isAll = to - from === blockBytes || this.#isLast(from, offset + done + to - from);
      if (isAll) this.#putHole(extent, block);
      else if (!this.#isHole(extent, block)) this.#partial(extent, block).fill(0, from, to);
    });
  }

  /**
   * Makes an extent that nothing was written to yet a hole, without a look at what it was: that may
   * be damaged.
   */
  clear(extent: number): void {
    const table = BlockTable.holes(this.#blocksPerExtent());
    const dirty = new BlockSet(table.blockCount);
    dirty.addRange(0, table.blockCount);
    this.#extents.set(extent, { table, dirty });
  }

  /**
   * Everything is in the kernel's hands when this returns, and readable from the files. @throws
   * STORE_FULL, DISK_FAILED
   */
  settle(): void {
    for (const key of [...this.#partials.keys()]) this.#spill(key);
    this.#drain();
  }

  /**
   * Reads the blocks of an extent that were written and aren't committed from their data file
   * again, to see whether they are what they should be. Call `settle` first. @throws STORE_CORRUPT
   */
  verify(extent: number): void {
    const pending = this.#extents.get(extent);
    if (pending === undefined) return;
    for (const { first, end } of pending.dirty.ranges()) this.#reader.verify(extent, first, end);
  }

  /**
   * What is in the data file so far becomes durable, so that a commit has less to wait for. Nothing
   * is committed. It never rejects: what has failed is dealt with by whoever needs the file next.
   */
  async startSync(): Promise<void> {
    await this.#file?.sync().catch(() => undefined);
  }

  /**
   * Makes everything durable, then visible by `transaction`, which is given the writes and returns
   * what the extents are then. Others use the thread while the disk works; the caller sees to it
   * that nothing is written or read here meanwhile. After a failure the writes are still pending.
   * @returns whether a data file is closed now
   * @throws STORE_FULL, DISK_FAILED, whatever `transaction` throws
   */
  async commit(transaction: (extents: readonly PendingExtent[]) => ReadonlyMap<number, BlockTable>): Promise<boolean> {
    await this.#makeDurable();
    const extents = [...this.#extents].map(([extent, pending]) => ({ extent, ...pending }));
    for (const [extent, table] of transaction(extents)) this.#committed.put(extent, table);
    return this.#clear();
  }

  /** When the disk fails the data file, once more with another. */
  async #makeDurable(): Promise<void> {
    this.settle();
    try {
      await this.#file?.sync();
    } catch (error) {
      if (!VisibleError.is(error, "DISK_FAILED")) throw error;
      this.settle();
      await this.#file?.sync();
    }
  }

  /** Gives up what isn't committed; the collector takes back its space. */
  discard(): void {
    this.#partials.clear();
    this.#clear();
  }

  #clear(): boolean {
    this.#extents.clear();
    this.#appendedBytes = 0;
    const file = this.#file;
    this.#file = undefined;
    return file !== undefined && this.#openFiles.release(file);
  }

  /**
   * Calls `visit(extent, block, from, to, done)` for each block of a range: bytes `from` to `to` of
   * the block.
   */
  #eachBlock(
    offset: number,
    length: number,
    visit: (extent: number, block: number, from: number, to: number, done: number) => void,
  ): void {
    for (let done = 0; done < length; ) {
      const at = locate(this.#geometry, offset + done);
      const end = at.offsetInExtent + Math.min(at.contiguousBytes, length - done);
      for (let position = at.offsetInExtent; position < end; ) {
        const block = blockAt(position);
        const from = position - block * blockBytes;
        const to = Math.min(blockBytes, end - block * blockBytes);
        visit(at.extent, block, from, to, done);
        position += to - from;
        done += to - from;
      }
    }
  }

  #putBlock(extent: number, block: number, content: Uint8Array): void {
    if (isZeroBlock(content)) {
      this.#putHole(extent, block);
      return;
    }
    this.#setBlock(
      extent,
      block,
      this.#onFile((file) => file.append(content)),
    );
  }

  #drain(): void {
    if (this.#file !== undefined) this.#onFile((file) => file.drain());
  }

  /**
   * Does something with the data file that is appended to; when the disk fails it, once more with
   * another.
   */
  #onFile<Result>(work: (file: DataFileWriter) => Result): Result {
    const file = this.#fileForWrites();
    try {
      return work(file);
    } catch (error) {
      if (!file.failed) throw error;
      return work(this.#fileForWrites());
    }
  }

  /** One that has not failed: what is here of one that has is written to another first. */
  #fileForWrites(): DataFileWriter {
    const file = this.#file;
    if (file !== undefined && !file.failed) return file;
    const other = this.#openFiles.acquire(this.#volumeId);
    if (file !== undefined) {
      try {
        relocate({ from: file, to: other, extents: this.#extents.values() });
      } catch (error) {
        this.#openFiles.release(other);
        throw error;
      }
      this.#openFiles.release(file);
    }
    this.#file = other;
    return other;
  }

  #setBlock(extent: number, block: number, stored: BlockLocation): void {
    this.#appendedBytes += stored.storedBytes;
    this.#partials.delete(this.#key(extent, block));
    const pending = this.#pending(extent);
    pending.table.set(block, stored);
    pending.dirty.add(block);
  }

  #putHole(extent: number, block: number): void {
    this.#partials.delete(this.#key(extent, block));
    if (this.get(extent)?.isHole(block) ?? true) return;
    const pending = this.#pending(extent);
    pending.table.setHole(block);
    pending.dirty.add(block);
  }

  #isHole(extent: number, block: number): boolean {
    return !this.#partials.has(this.#key(extent, block)) && (this.get(extent)?.isHole(block) ?? true);
  }

  #pending(extent: number): Pending {
    let pending = this.#extents.get(extent);
    if (pending === undefined) {
      const table = this.#committed.get(extent)?.clone() ?? BlockTable.holes(this.#blocksPerExtent());
      pending = { table, dirty: new BlockSet(table.blockCount) };
      this.#extents.set(extent, pending);
    }
    return pending;
  }

  /**
   * Whether what is written of a block, from its byte `from` to byte `end` of the volume, is all
   * that the volume has of it.
   */
  #isLast(from: number, end: number): boolean {
    return from === 0 && end === this.#sizeBytes;
  }

  /**
   * The content of a block that is being written in part. Of one that is `replaced` nobody looks at
   * what it was.
   */
  #partial(extent: number, block: number, replaced = false): Buffer {
    const key = this.#key(extent, block);
    const known = this.#partials.get(key);
    if (known !== undefined) return known;
    if (this.#partials.size >= Math.max(partialBlocksMin, this.#geometry.stripeCount)) {
      for (const oldest of this.#partials.keys()) {
        this.#spill(oldest);
        break;
      }
    }
    const content = Buffer.alloc(blockBytes);
    if (!replaced) {
      this.#drain();
      this.#reader.readExtent(extent, block * blockBytes, content);
    }
    this.#partials.set(key, content);
    return content;
  }

  #spillRange(offset: number, length: number): void {
    this.#eachBlock(offset, length, (extent, block) => this.#spill(this.#key(extent, block)));
  }

  #spill(key: number): void {
    const content = this.#partials.get(key);
    if (content === undefined) return;
    const block = key % this.#blocksPerExtent();
    const extent = (key - block) / this.#blocksPerExtent();
    this.#putBlock(extent, block, content);
    assert(!this.#partials.has(key));
  }

  #key(extent: number, block: number): number {
    return extent * this.#blocksPerExtent() + block;
  }

  #blocksPerExtent(): number {
    return this.#geometry.extentBytes / blockBytes;
  }
}
