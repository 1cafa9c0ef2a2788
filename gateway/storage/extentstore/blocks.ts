import assert from "node:assert/strict";
import { xxh64 } from "@node-rs/xxhash";
import { blockBytes } from "../../../core/extent/geometry.ts";

const wordsPerEntry = 6;
const entryBytes = wordsPerEntry * 4;
const checksumBytes = 8;

/** Where a block's content is: which data file, where in it, how long there, and the xxh64 of it uncompressed. */
export interface StoredBlock {
  readonly fileId: number;
  readonly offset: number;
  /** `blockBytes` means stored as it is; less is a zstd frame. */
  readonly storedBytes: number;
  readonly hash: bigint;
}

/** A block table that doesn't match its own checksum. */
export class BlockTableDamaged extends Error {}

/**
 * The blocks of one extent version: for each block a hole or where it is stored. Packed, 24 bytes a block, little-endian:
 * hash (8), file id (4; 0 is a hole), stored length (4), offset (8); then the xxh64 of all that.
 */
export class BlockTable {
  readonly blockCount: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #hashes: BigUint64Array;

  private constructor(bytes: Uint8Array) {
    this.blockCount = (bytes.byteLength - checksumBytes) / entryBytes;
    this.#bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, this.blockCount * wordsPerEntry);
    this.#hashes = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
  }

  static holes(blockCount: number): BlockTable {
    return new BlockTable(new Uint8Array(blockCount * entryBytes + checksumBytes));
  }

  /** @throws BlockTableDamaged */
  static unpack(packed: Uint8Array): BlockTable {
    const bytes = packed.byteOffset % 8 === 0 ? packed : packed.slice();
    if (bytes.byteLength % 8 !== 0 || bytes.byteLength <= checksumBytes) throw new BlockTableDamaged();
    const table = new BlockTable(bytes);
    if (table.#hashes.at(-1) !== table.#checksum()) throw new BlockTableDamaged();
    return table;
  }

  pack(): Uint8Array {
    this.#hashes[this.#hashes.length - 1] = this.#checksum();
    return this.#bytes;
  }

  clone(): BlockTable {
    return new BlockTable(this.#bytes.slice());
  }

  isHole(block: number): boolean {
    return this.fileId(block) === 0;
  }

  fileId(block: number): number {
    return this.#words[block * wordsPerEntry + 2] ?? 0;
  }

  storedBytes(block: number): number {
    return this.#words[block * wordsPerEntry + 3] ?? 0;
  }

  offset(block: number): number {
    const word = block * wordsPerEntry + 4;
    return (this.#words[word] ?? 0) + (this.#words[word + 1] ?? 0) * 2 ** 32;
  }

  hash(block: number): bigint {
    return this.#hashes[(block * wordsPerEntry) / 2] ?? 0n;
  }

  set(block: number, stored: StoredBlock): void {
    assert(stored.fileId > 0 && stored.fileId < 2 ** 32 && stored.storedBytes > 0 && stored.storedBytes <= blockBytes);
    this.#words.set(
      [stored.fileId, stored.storedBytes, stored.offset % 2 ** 32, Math.floor(stored.offset / 2 ** 32)],
      block * wordsPerEntry + 2,
    );
    this.#hashes[(block * wordsPerEntry) / 2] = stored.hash;
  }

  setHole(block: number): void {
    this.#words.fill(0, block * wordsPerEntry, (block + 1) * wordsPerEntry);
  }

  /** Takes over what `from` says of a block. */
  copyBlock(from: BlockTable, block: number): void {
    const start = block * wordsPerEntry;
    this.#words.set(from.#words.subarray(start, start + wordsPerEntry), start);
  }

  /** The data files that the table refers to. */
  fileIds(): Set<number> {
    const ids = new Set<number>();
    for (let block = 0; block < this.blockCount; block++) ids.add(this.fileId(block));
    ids.delete(0);
    return ids;
  }

  #checksum(): bigint {
    return xxh64(this.#bytes.subarray(0, this.#bytes.byteLength - checksumBytes));
  }
}
