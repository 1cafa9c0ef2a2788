import assert from "node:assert/strict";
import { xxh64 } from "@node-rs/xxhash";
import type { Geometry } from "../../../core/api/object.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { extentCount, locate } from "../../../core/extent/striping.ts";
import type { MirrorExtentWriter } from "../driver.ts";
import { zeroBlockHash } from "./codec.ts";
import { DataFileReaders } from "./datafile.ts";
import { PendingWrites } from "./pending.ts";
import { labelOf, volumeTables } from "./readers.ts";
import { commitMirrorExtent } from "./sessions.ts";
import type { Store } from "./store.ts";
import { geometryOf, type VolumeRow } from "./volumes.ts";

/** Writes one extent of a mirror, for the holder of an epoch. */
export class StoredExtentWriter implements MirrorExtentWriter {
  readonly #store: Store;
  readonly #volumeId: string;
  readonly #geometry: Geometry;
  readonly #epoch: number;
  readonly #extent: number;
  readonly #files: DataFileReaders;
  readonly #pending: PendingWrites;
  #open = true;

  constructor(store: Store, options: { readonly mirror: VolumeRow; readonly epoch: number; readonly extent: number }) {
    const { mirror, epoch, extent } = options;
    const geometry = geometryOf(mirror);
    assert(extent >= 0 && extent < extentCount(geometry, mirror.sizeBytes), `the mirror has no extent ${extent}`);
    this.#store = store;
    this.#volumeId = mirror.id;
    this.#geometry = geometry;
    this.#epoch = epoch;
    this.#extent = extent;
    this.#files = new DataFileReaders(store.dataDir);
    this.#pending = new PendingWrites({
      label: labelOf(mirror),
      volumeId: mirror.id,
      geometry,
      sizeBytes: mirror.sizeBytes,
      dataDir: store.dataDir,
      files: this.#files,
      committed: volumeTables(store, mirror),
      openFiles: store.openFiles,
    });
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#checkRange(offset, data.byteLength);
    this.#pending.write(offset, data);
  }

  async zero(offset: number, length: number): Promise<void> {
    this.#checkRange(offset, length);
    this.#pending.zero(offset, length);
  }

  /**
   * Blocks that were written here are read from their data file again. The others were when they were written, and every
   * read of them is verified; for those it is the hash that they were committed with.
   */
  async blockHashes(): Promise<BigUint64Array> {
    assert(this.#open, "the extent is committed or discarded");
    this.#pending.settle();
    const hashes = new BigUint64Array(this.#geometry.extentBytes / blockBytes).fill(zeroBlockHash);
    const table = this.#pending.get(this.#extent);
    if (table === undefined) return hashes;
    const dirty = this.#pending.dirtyBlocks(this.#extent);
    const content = Buffer.allocUnsafe(blockBytes);
    for (let block = 0; block < hashes.length; block++) {
      if (table.isHole(block)) continue;
      hashes[block] = dirty.has(block) ? this.#readBack(block, content) : table.hash(block);
    }
    return hashes;
  }

  async commit(): Promise<void> {
    assert(this.#open, "the extent is committed or discarded");
    const { database } = this.#store;
    const target = { mirrorVolumeId: this.#volumeId, epoch: this.#epoch, extent: this.#extent };
    this.#pending.commit((extents) => database.transaction(() => commitMirrorExtent(database, target, extents)));
    this.#close();
  }

  async discard(): Promise<void> {
    if (this.#open) this.#close();
  }

  #close(): void {
    this.#open = false;
    this.#pending.discard();
    this.#files.close();
  }

  #readBack(block: number, content: Uint8Array): bigint {
    this.#pending.readExtent(this.#extent, block * blockBytes, content);
    return xxh64(content);
  }

  /** All of the range is in this extent: a write ends where its stripe does, or goes on in the same extent. */
  #checkRange(offset: number, length: number): void {
    assert(this.#open, "the extent is committed or discarded");
    for (let done = 0; done < length; ) {
      const at = locate(this.#geometry, offset + done);
      assert.equal(at.extent, this.#extent, "a write outside the extent");
      done += at.contiguousBytes;
    }
  }
}
