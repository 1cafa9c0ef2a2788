import assert from "node:assert/strict";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { StorageCall } from "../../call.ts";
import type { VolumeHandle } from "../../volume-io.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { releaseVolume } from "../cluster/volumes.ts";
import type { BlockTable } from "../data/blocks.ts";
import { PendingWrites } from "../data/pending.ts";
import type { Store } from "../data/store.ts";
import { commitExtent, type PendingExtent } from "../data/versions.ts";
import { collect } from "../space/collect.ts";
import { labelOf, volumeTables } from "./readers.ts";

/**
 * Beyond these a write commits by itself, so that memory and what a crash can lose stay bounded.
 */
const pendingBytesMax = 256 * 1024 * 1024;
const pendingExtentsMax = 64;

/** What is written of a volume: the extents of a table, for now under the volume's id and name. */
export type WrittenVolume = Pick<VolumeRow, "id" | "name" | "sizeBytes" | "tableId" | keyof Geometry>;

/** The only writer of a volume. Writes are visible to others, and durable, after `flush`. */
export class VolumeWriter implements VolumeHandle {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #store: Store;
  readonly #volume: WrittenVolume;
  readonly #pending: PendingWrites;
  #flushing: Promise<void> | undefined;
  #open = true;

  constructor(store: Store, volume: WrittenVolume, tables = volumeTables(store, volume)) {
    this.sizeBytes = volume.sizeBytes;
    this.geometry = geometryOf(volume);
    this.#store = store;
    this.#volume = volume;
    this.#pending = new PendingWrites({
      label: labelOf(volume),
      geometry: this.geometry,
      sizeBytes: this.sizeBytes,
      volumeId: volume.id,
      dataDir: store.dataDir,
      files: store.files,
      committed: tables,
      openFiles: store.openFiles,
      damage: store.damage,
    });
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (this.#flushing !== undefined) await this.#flushed();
    this.#pending.read(offset, into);
  }

  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    this.#checkRange(offset, data.byteLength);
    if (this.#flushing !== undefined) await this.#flushed();
    this.#pending.write(offset, data);
    await this.#flushWhenMuch(call);
  }

  async zero(offset: number, length: number, call?: StorageCall): Promise<void> {
    this.#checkRange(offset, length);
    if (this.#flushing !== undefined) await this.#flushed();
    this.#pending.zero(offset, length);
    await this.#flushWhenMuch(call);
  }

  async flush(call?: StorageCall): Promise<void> {
    await this.#flushed();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#flushing = promise;
    let fileClosed: boolean;
    try {
      fileClosed = await this.#pending.commit((extents) => this.#commit(extents));
    } finally {
      this.#flushing = undefined;
      resolve();
    }
    // A volume that is written over and over leaves dead blocks behind as long as it is open.
    if (fileClosed) await collect(this.#store, { compact: true, ...call });
  }

  /** Flushes, and lets the next writer in. */
  async close(call?: StorageCall): Promise<void> {
    if (!this.#open) return;
    try {
      await this.flush(call);
    } finally {
      this.discard();
      const { database, writer } = this.#store;
      database.transaction(() => releaseVolume(database, writer, this.#volume.id));
    }
  }

  /** Ends the writing and gives up what was not flushed. The next writer is not let in. */
  discard(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#pending.discard();
    this.#store.openFiles.retire(this.#volume.id);
  }

  #commit(extents: readonly PendingExtent[]): ReadonlyMap<number, BlockTable> {
    if (extents.length === 0) return new Map();
    const { database } = this.#store;
    return database.transaction(
      () => new Map(extents.map((pending) => [pending.extent, commitExtent(database, this.#volume.tableId, pending)])),
    );
  }

  /** What is written while the disk works would become visible without being durable. */
  async #flushed(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
  }

  async #flushWhenMuch(call: StorageCall | undefined): Promise<void> {
    if (this.#pending.appendedBytes < pendingBytesMax && this.#pending.extentCount < pendingExtentsMax) return;
    await this.flush(call);
  }

  #checkRange(offset: number, length: number): void {
    assert(this.#open, "the volume is closed");
    assert(offset >= 0 && length >= 0 && offset + length <= this.sizeBytes, "a write past the end of the volume");
  }
}
