import assert from "node:assert/strict";
import type { Geometry } from "../../../core/api/object.ts";
import type { StorageCall, VolumeHandle } from "../driver.ts";
import { collect } from "./collect.ts";
import { DataFileReaders } from "./datafile.ts";
import { PendingWrites } from "./pending.ts";
import { labelOf, volumeTables } from "./readers.ts";
import type { Store } from "./store.ts";
import { commitExtent } from "./versions.ts";
import { geometryOf, releaseVolume, type VolumeRow } from "./volumes.ts";

/** Beyond these a write commits by itself, so that memory and what a crash can lose stay bounded. */
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
  readonly #files: DataFileReaders;
  readonly #pending: PendingWrites;
  #open = true;

  constructor(store: Store, volume: WrittenVolume, tables = volumeTables(store, volume)) {
    this.sizeBytes = volume.sizeBytes;
    this.geometry = geometryOf(volume);
    this.#store = store;
    this.#volume = volume;
    this.#files = new DataFileReaders(store.dataDir);
    this.#pending = new PendingWrites({
      label: labelOf(volume),
      geometry: this.geometry,
      sizeBytes: this.sizeBytes,
      volumeId: volume.id,
      dataDir: store.dataDir,
      files: this.#files,
      committed: tables,
      openFiles: store.openFiles,
      damage: store.damage,
    });
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#pending.read(offset, into);
  }

  async write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    this.#checkRange(offset, data.byteLength);
    this.#pending.write(offset, data);
    await this.#flushWhenMuch(call);
  }

  async zero(offset: number, length: number, call?: StorageCall): Promise<void> {
    this.#checkRange(offset, length);
    this.#pending.zero(offset, length);
    await this.#flushWhenMuch(call);
  }

  async flush(call?: StorageCall): Promise<void> {
    const { database } = this.#store;
    const filledUp = this.#pending.commit((extents) => {
      if (extents.length === 0) return new Map();
      return database.transaction(
        () =>
          new Map(extents.map((pending) => [pending.extent, commitExtent(database, this.#volume.tableId, pending)])),
      );
    });
    // A volume that is written over and over leaves dead blocks behind as long as it is open.
    if (filledUp) await collect(this.#store, { compact: true, ...call });
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
    this.#files.close();
    this.#store.openFiles.retire(this.#volume.id);
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
