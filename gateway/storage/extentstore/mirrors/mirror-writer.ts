import assert from "node:assert/strict";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import { assertExtent, locate } from "../../../../core/extent/striping.ts";
import { zeroHashes } from "../../block-hash.ts";
import type { StoredBlocks } from "../../stored-blocks.ts";
import type { MirrorExtentWriter } from "../../volume-io.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { PendingWrites } from "../data/pending.ts";
import { ExtentReader } from "../data/reader.ts";
import type { Store } from "../data/store.ts";
import { labelOf, volumeTables } from "../io/readers.ts";
import { commitMirrorExtent } from "./sessions.ts";

/** What is written becomes durable after so much, so that the commit has less to wait for. */
const syncBytes = 32 * 1024 * 1024;

/** Writes one extent of a mirror, for the holder of an epoch. */
export class StoredExtentWriter implements MirrorExtentWriter {
  readonly #store: Store;
  readonly #volumeId: string;
  readonly #geometry: Geometry;
  readonly #epoch: number;
  readonly #extent: number;
  readonly #pending: PendingWrites;
  readonly #base: ExtentReader;
  #syncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #open = true;

  constructor(
    store: Store,
    options: {
      readonly mirror: VolumeRow;
      readonly epoch: number;
      readonly extent: number;
      readonly from?: "base" | "zeros";
    },
  ) {
    const { mirror, epoch, extent, from } = options;
    const geometry = geometryOf(mirror);
    assertExtent(geometry, mirror.sizeBytes, extent);
    this.#store = store;
    this.#volumeId = mirror.id;
    this.#geometry = geometry;
    this.#epoch = epoch;
    this.#extent = extent;
    const committed = volumeTables(store, mirror);
    const reading = {
      label: labelOf(mirror),
      geometry,
      sizeBytes: mirror.sizeBytes,
      dataDir: store.dataDir,
      files: store.files,
      damage: store.damage,
    };
    this.#base = new ExtentReader({ ...reading, tables: committed });
    this.#pending = new PendingWrites({ ...reading, volumeId: mirror.id, committed, openFiles: store.openFiles });
    if (from === "zeros") this.#pending.clear(extent);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#checkRange(offset, data.byteLength);
    this.#pending.write(offset, data);
    await this.#syncWhenMuch();
  }

  async zero(offset: number, length: number): Promise<void> {
    this.#checkRange(offset, length);
    this.#pending.zero(offset, length);
  }

  readonly writeStored = async (block: number, stored: StoredBlocks): Promise<void> => {
    const inside = block >= 0 && block + stored.count <= this.#blockCount();
    assert(this.#open && inside, "blocks outside the extent");
    this.#pending.writeStored(this.#extent, block, stored);
    await this.#syncWhenMuch();
  };

  async readBase(offset: number, into: Uint8Array): Promise<void> {
    assert(offset >= 0 && offset + into.byteLength <= this.#geometry.extentBytes, "a read outside the extent");
    this.#base.readExtent(this.#extent, offset, into);
  }

  /** Nothing is read: they are those that the blocks were committed with. */
  baseHashes(): Promise<Uint8Array> {
    return this.blockHashes();
  }

  /**
   * Blocks that were written here are read from their data file again. The others were when they
   * were written, and every read of them is verified; for those it is the hash that they were
   * committed with.
   */
  async blockHashes(): Promise<Uint8Array> {
    assert(this.#open, "the extent is committed or discarded");
    this.#pending.settle();
    this.#readBack();
    return this.#pending.get(this.#extent)?.hashes() ?? zeroHashes(this.#blockCount());
  }

  async commit(): Promise<void> {
    assert(this.#open, "the extent is committed or discarded");
    await this.#syncing;
    const { database } = this.#store;
    const target = { mirrorVolumeId: this.#volumeId, epoch: this.#epoch, extent: this.#extent };
    await this.#pending.commit((extents) => database.transaction(() => commitMirrorExtent(database, target, extents)));
    this.#close();
  }

  async discard(): Promise<void> {
    if (this.#open) this.#close();
  }

  #close(): void {
    this.#open = false;
    this.#pending.discard();
  }

  /** @throws CHECKSUM_MISMATCH */
  #readBack(): void {
    try {
      this.#pending.verify(this.#extent);
    } catch (cause) {
      if (!VisibleError.is(cause, "STORE_CORRUPT")) throw cause;
      throw new VisibleError("CHECKSUM_MISMATCH", `What was written to extent ${this.#extent} is not what came.`, {
        hint: "The extent will be sent again in full. If it goes on, check the memory and the disks of both sites.",
        cause,
      });
    }
  }

  /** Writing goes on while the disk works, one sync behind at most. */
  async #syncWhenMuch(): Promise<void> {
    if (this.#pending.appendedBytes - this.#syncedBytes < syncBytes) return;
    this.#syncedBytes = this.#pending.appendedBytes;
    await this.#syncing;
    this.#syncing = this.#pending.startSync();
  }

  #blockCount(): number {
    return this.#geometry.extentBytes / blockBytes;
  }

  /**
   * All of the range is in this extent: a write ends where its stripe does, or goes on in the same
   * extent.
   */
  #checkRange(offset: number, length: number): void {
    assert(this.#open, "the extent is committed or discarded");
    for (let done = 0; done < length; ) {
      const at = locate(this.#geometry, offset + done);
      assert.equal(at.extent, this.#extent, "a write outside the extent");
      done += at.contiguousBytes;
    }
  }
}
