import assert from "node:assert/strict";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { StorageCall } from "../../call.ts";
import type { StagedVolume } from "../../volume-io.ts";
import { objectOfVolume } from "../cluster/objects.ts";
import type { Store } from "../data/store.ts";
import { CommittedTables } from "../data/tables.ts";
import { collect } from "../space/collect.ts";
import { labelOf } from "./readers.ts";
import { giveUpStaging, loadStaged, type Staging, swapIn } from "./staging.ts";
import { VolumeWriter } from "./volume-writer.ts";

/**
 * Writes a volume's next content. What it flushes is durable, and nobody's until it is swapped in.
 */
export class StagedVolumeWriter implements StagedVolume {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #store: Store;
  readonly #staging: Staging;
  readonly #writer: VolumeWriter;
  #state: "staged" | "swapped in" | "closed" = "staged";

  constructor(store: Store, staging: Staging) {
    const { tableId, geometry, sizeBytes, name, becomes } = staging;
    const { database } = store;
    this.sizeBytes = sizeBytes;
    this.geometry = geometry;
    this.#store = store;
    this.#staging = staging;
    const id = "volumeId" in becomes ? becomes.volumeId : `new-${tableId}`;
    const tables = new CommittedTables({
      label: labelOf({ id, name }),
      stripeCount: geometry.stripeCount,
      load: (extent) => loadStaged(database, staging, extent, (damaged) => store.damage.note(damaged)),
      damage: store.damage,
    });
    this.#writer = new VolumeWriter(store, { id, name, sizeBytes, tableId, ...geometry }, tables);
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#writer.read(offset, into);
  }

  write(offset: number, data: Uint8Array, call?: StorageCall): Promise<void> {
    return this.#writer.write(offset, data, call);
  }

  zero(offset: number, length: number, call?: StorageCall): Promise<void> {
    return this.#writer.zero(offset, length, call);
  }

  flush(call?: StorageCall): Promise<void> {
    return this.#writer.flush(call);
  }

  async swapIn(call?: StorageCall): Promise<ObjectConfig> {
    assert(this.#state === "staged", `the staged volume is ${this.#state}`);
    await this.#writer.flush(call);
    // Whoever gave this call up while the disk hung was told that nothing has happened, and may
    // have closed it since.
    call?.signal?.throwIfAborted();
    assert(this.#state === "staged", `the staged volume was ${this.#state} before it was swapped in`);
    const { database, writer } = this.#store;
    const object = database.transaction(() => objectOfVolume(database, swapIn(database, writer, this.#staging)));
    this.#state = "swapped in";
    this.#writer.discard();
    return object;
  }

  /**
   * Gives back the space of what was replaced, or, where nothing was swapped in,
   * of what was written.
   */
  async close(call?: StorageCall): Promise<void> {
    if (this.#state === "closed") return;
    const { database, writer } = this.#store;
    this.#writer.discard();
    if (this.#state === "staged") database.transaction(() => giveUpStaging(database, writer, this.#staging));
    this.#state = "closed";
    await collect(this.#store, { compact: true, ...call });
  }
}
