import { LRUCache } from "lru-cache";
import { blockAt, blockBytes } from "../../core/extent/geometry.ts";
import { locate } from "../../core/extent/striping.ts";
import type { NbdExport, NbdExtent } from "../nbd/export.ts";
import { hashAt, isSame, zeroBlockHash } from "../storage/block-hash.ts";
import type { ExtentToken } from "../storage/volume-io.ts";
import type { DiskReader } from "./disk-reader.ts";

/** A client looks at an extent's blocks in one go, and striped volumes have some side by side. */
const extentsKept = 16;
/** In one answer: the stretches of a disk that is holes and data by turns fill a client's page. */
const stretchesMax = 1024;
/** Whose blocks are looked at for one answer. */
const blocksMax = 4096;

/** A snapshot as a disk that nobody writes, with holes where nothing was ever written. */
export class SnapshotExport implements Omit<NbdExport, "write"> {
  readonly name: string;
  readonly description: string;
  readonly sizeBytes: number;
  readonly #reader: DiskReader;
  readonly #onRead: (bytes: number) => void;
  /** Undefined: the storage does not know. */
  #tokens: Promise<readonly ExtentToken[] | undefined> | undefined;
  readonly #hashes = new LRUCache<number, Promise<Uint8Array | undefined> & object>({ max: extentsKept });

  constructor(
    reader: DiskReader,
    about: { readonly name: string; readonly description: string; readonly onRead: (bytes: number) => void },
  ) {
    this.name = about.name;
    this.description = about.description;
    this.sizeBytes = reader.sizeBytes;
    this.#reader = reader;
    this.#onRead = about.onRead;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.#reader.read(offset, into);
    this.#onRead(into.byteLength);
  }

  async extents(offset: number, length: number): Promise<readonly NbdExtent[]> {
    const found: { length: number; isHole: boolean }[] = [];
    const end = Math.min(this.sizeBytes, offset + length);
    for (let at = offset, looks = 0; at < end && looks < blocksMax; looks += 1) {
      const stretch = await this.#stretchAt(at, end);
      const last = found.at(-1);
      if (last?.isHole === stretch.isHole) last.length += stretch.length;
      else if (found.length === stretchesMax) break;
      else found.push(stretch);
      at += stretch.length;
    }
    return found;
  }

  /** From `offset` on, what lies in one extent and is all of one kind. */
  async #stretchAt(offset: number, end: number): Promise<{ length: number; isHole: boolean }> {
    const { geometry } = this.#reader;
    const { extent, offsetInExtent, contiguousBytes } = locate(geometry, offset);
    const length = Math.min(contiguousBytes, end - offset);
    this.#tokens ??= this.#reader.extentMap();
    if ((await this.#tokens)?.[extent] === null) return { length, isHole: true };
    const hashes = await this.#hashesOf(extent);
    if (hashes === undefined) return { length, isHole: false };
    const first = blockAt(offsetInExtent);
    const isHole = isHoleAt(hashes, first);
    let block = first + 1;
    while (block * blockBytes < offsetInExtent + length && isHoleAt(hashes, block) === isHole) block += 1;
    return { length: Math.min(length, block * blockBytes - offsetInExtent), isHole };
  }

  /** Undefined: the storage does not keep them, or can't read them; reading says what is wrong. */
  #hashesOf(extent: number): Promise<Uint8Array | undefined> {
    const known = this.#hashes.get(extent);
    if (known !== undefined) return known;
    const asked = this.#reader.extentBlocks(extent).then(
      (blocks) => blocks?.hashes,
      () => undefined,
    );
    this.#hashes.set(extent, asked);
    return asked;
  }
}

const isHoleAt = (hashes: Uint8Array, block: number): boolean => isSame(hashAt(hashes, block), zeroBlockHash);
