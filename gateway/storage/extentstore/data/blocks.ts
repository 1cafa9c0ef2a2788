import assert from "node:assert/strict";
import { VisibleError } from "../../../../core/api/errors.ts";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import { blockHash, blockHashBytes, zeroHashes } from "../../block-hash.ts";
import { type StoredBlocks, storedEntryBytes } from "../../stored-blocks.ts";

const hashWords = blockHashBytes / 4;
const wordsPerEntry = hashWords + 4;
const entryBytes = wordsPerEntry * 4;
const checksumBytes = blockHashBytes;

/**
 * Where a block's content is: which data file, where in it, how long there, and the hash of it
 * uncompressed.
 */
export interface BlockLocation {
  readonly fileId: number;
  readonly offset: number;
  /** `blockBytes` means stored as it is; less is a zstd frame. */
  readonly storedBytes: number;
  readonly hash: Uint8Array;
}

/**
 * STORE_CORRUPT of a block table that doesn't match its own checksum, or isn't there. Whoever knows
 * says of what.
 */
export class BlockTableDamaged extends VisibleError {
  /** The extent version that has it; undefined where there is none. */
  readonly versionId: number | undefined;

  constructor(versionId?: number) {
    super("STORE_CORRUPT", "The block table of an extent is damaged.", { hint: damageHint });
    this.versionId = versionId;
  }
}

/** What to do about damage, whatever it is in. */
export const damageHint =
  "Check that disk. In a mirror the next run of its plan mends it; a volume is restored from another site's restore points.";

/**
 * The blocks of one extent version: for each block a hole or where it is stored. Packed, 32 bytes a
 * block, little-endian: hash (16), file id (4; 0 is a hole), stored length (4), offset (8); then
 * the hash of all that.
 */
export class BlockTable {
  readonly blockCount: number;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;

  private constructor(bytes: Uint8Array) {
    this.blockCount = (bytes.byteLength - checksumBytes) / entryBytes;
    this.#bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, this.blockCount * wordsPerEntry);
  }

  static holes(blockCount: number): BlockTable {
    return new BlockTable(new Uint8Array(blockCount * entryBytes + checksumBytes));
  }

  /** @throws BlockTableDamaged */
  static unpack(packed: Uint8Array): BlockTable {
    const bytes = packed.byteOffset % 4 === 0 ? packed : packed.slice();
    if (bytes.byteLength % entryBytes !== checksumBytes || bytes.byteLength === checksumBytes)
      throw new BlockTableDamaged();
    const table = new BlockTable(bytes);
    if (Buffer.compare(bytes.subarray(-checksumBytes), table.#checksum()) !== 0) throw new BlockTableDamaged();
    return table;
  }

  pack(): Uint8Array {
    this.#bytes.set(this.#checksum(), this.#bytes.byteLength - checksumBytes);
    return this.#bytes;
  }

  get packedBytes(): number {
    return this.#bytes.byteLength;
  }

  clone(): BlockTable {
    return new BlockTable(this.#bytes.slice());
  }

  isHole(block: number): boolean {
    return this.fileId(block) === 0;
  }

  fileId(block: number): number {
    return this.#words[block * wordsPerEntry + hashWords] ?? 0;
  }

  storedBytes(block: number): number {
    return this.#words[block * wordsPerEntry + hashWords + 1] ?? 0;
  }

  offset(block: number): number {
    const word = block * wordsPerEntry + hashWords + 2;
    return (this.#words[word] ?? 0) + (this.#words[word + 1] ?? 0) * 2 ** 32;
  }

  /** The hash of a block that is no hole. A view. */
  hash(block: number): Uint8Array {
    const start = block * entryBytes;
    return this.#bytes.subarray(start, start + blockHashBytes);
  }

  /** The hashes of all blocks, one behind the other; a hole's is that of zeros. */
  hashes(): Uint8Array {
    const hashes = zeroHashes(this.blockCount);
    for (let block = 0; block < this.blockCount; block++) {
      if (!this.isHole(block)) hashes.set(this.hash(block), block * blockHashBytes);
    }
    return hashes;
  }

  /** Where a block that is no hole is. */
  get(block: number): BlockLocation {
    assert(!this.isHole(block), "a hole is nowhere");
    return {
      fileId: this.fileId(block),
      offset: this.offset(block),
      storedBytes: this.storedBytes(block),
      hash: this.hash(block),
    };
  }

  set(block: number, stored: BlockLocation): void {
    this.#place(block, stored.fileId, stored.offset, stored.storedBytes);
    assert.equal(stored.hash.byteLength, blockHashBytes);
    this.#bytes.set(stored.hash, block * entryBytes);
  }

  /**
   * Sets blocks that follow each other, from `block` on, as they lie behind each other from byte
   * `offset` of a data file on. Without an object a block: a first copy sets tens of thousands of
   * them a second.
   */
  setRange(
    block: number,
    range: { readonly fileId: number; readonly offset: number; readonly stored: StoredBlocks },
  ): void {
    const { fileId, stored } = range;
    const { count, table } = stored;
    let { offset } = range;
    for (let index = 0; index < count; index++) {
      const storedBytes = stored.storedBytes(index);
      this.#place(block + index, fileId, offset, storedBytes);
      const at = (block + index) * entryBytes;
      const from = index * storedEntryBytes;
      for (let byte = 0; byte < blockHashBytes; byte++) this.#bytes[at + byte] = table[from + byte] ?? 0;
      offset += storedBytes;
    }
  }

  #place(block: number, fileId: number, offset: number, storedBytes: number): void {
    assert(block >= 0 && block < this.blockCount, "a block outside the table");
    assert(fileId > 0 && fileId < 2 ** 32 && storedBytes > 0 && storedBytes <= blockBytes);
    const word = block * wordsPerEntry + hashWords;
    this.#words[word] = fileId;
    this.#words[word + 1] = storedBytes;
    this.#words[word + 2] = offset % 2 ** 32;
    this.#words[word + 3] = Math.floor(offset / 2 ** 32);
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

  #checksum(): Uint8Array {
    return blockHash(this.#bytes.subarray(0, this.#bytes.byteLength - checksumBytes));
  }
}
