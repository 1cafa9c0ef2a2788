import assert from "node:assert";
import { blockBytes } from "../../core/extent/geometry.ts";
import { blockHashBytes } from "./block-hash.ts";

/**
 * Of the table of `StoredBlocks`, little-endian: 16 bytes of `blockHash`, and a u32, how long the
 * block is as it is stored.
 */
export const storedEntryBytes = blockHashBytes + 4;

export interface StoredBlock {
  /** A zstd frame of the whole block, or its content where that is `blockBytes` long. */
  readonly bytes: Uint8Array;
  /** Of the content. */
  readonly hash: Uint8Array;
}

/**
 * Blocks that follow each other in an extent, none of them a hole, in the form that they are
 * stored in: as one cluster gives them, as they travel, and as another takes them over.
 * Nobody has looked inside.
 */
export class StoredBlocks {
  /** One entry a block. */
  readonly table: Uint8Array;
  /** The stored bytes of all blocks, one behind the other. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(table: Uint8Array, bytes: Uint8Array) {
    this.table = table;
    this.bytes = bytes;
    this.#view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  }

  static of(blocks: readonly StoredBlock[]): StoredBlocks {
    const table = new Uint8Array(blocks.length * storedEntryBytes);
    for (const [index, { bytes, hash }] of blocks.entries()) writeStoredEntry(table, index, hash, bytes.length);
    const [only] = blocks;
    const joined = blocks.length === 1 && only !== undefined ? only.bytes : Buffer.concat(blocks.map((b) => b.bytes));
    return new StoredBlocks(table, joined);
  }

  get count(): number {
    return this.table.length / storedEntryBytes;
  }

  /** Of the block at `index`, counted from 0. A view. */
  hash(index: number): Uint8Array {
    return this.table.subarray(index * storedEntryBytes, index * storedEntryBytes + blockHashBytes);
  }

  storedBytes(index: number): number {
    return this.#view.getUint32(index * storedEntryBytes + blockHashBytes, true);
  }

  *blocks(): Generator<StoredBlock, void, void> {
    for (let index = 0, at = 0; index < this.count; index++) {
      const end = at + this.storedBytes(index);
      yield { bytes: this.bytes.subarray(at, end), hash: this.hash(index) };
      at = end;
    }
  }
}

/** Writes the entry at `index` of a table. */
export const writeStoredEntry = (table: Uint8Array, index: number, hash: Uint8Array, storedBytes: number): void => {
  assert(storedBytes > 0 && storedBytes <= blockBytes, "a block that is stored in nothing, or in more than itself");
  const at = index * storedEntryBytes;
  table.set(hash, at);
  // Little-endian by hand: a DataView for each block would cost more than what it writes.
  for (let byte = 0; byte < 4; byte++) table[at + blockHashBytes + byte] = storedBytes >>> (8 * byte);
};
