import assert from "node:assert/strict";
import { extentCount, type Geometry } from "../../../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import type { ExtentBlocks, ExtentDigest, ExtentToken, SnapshotReader, VolumeHandle } from "../../volume-io.ts";
import { findSnapshot, type SnapshotRow } from "../cluster/snapshots.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { findVolume } from "../cluster/volumes.ts";
import { BlockTable } from "../data/blocks.ts";
import { DataFileBlocks } from "../data/data-file-blocks.ts";
import { ExtentReader, type ReaderOptions } from "../data/reader.ts";
import type { Store } from "../data/store.ts";
import { CommittedTables } from "../data/tables.ts";
import { extentDigests, extentTokens, loadBlocks } from "../data/versions.ts";
import type { Database } from "../database/database.ts";

/**
 * A volume as it is committed, opened to be read only; what it says may change from
 * one read to the next.
 */
export class VolumeReader implements VolumeHandle {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #store: Store;
  readonly #tables: CommittedTables;
  readonly #reader: ExtentReader;
  #generation = "";

  constructor(store: Store, volume: VolumeRow) {
    this.sizeBytes = volume.sizeBytes;
    this.geometry = geometryOf(volume);
    this.#store = store;
    this.#tables = volumeTables(store, volume);
    this.#reader = new ExtentReader({
      label: labelOf(volume),
      geometry: this.geometry,
      sizeBytes: this.sizeBytes,
      dataDir: store.dataDir,
      files: store.files,
      tables: this.#tables,
      damage: store.damage,
    });
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const generation = this.#store.database.generation();
    if (generation !== this.#generation) this.#tables.reload();
    this.#generation = generation;
    this.#reader.read(offset, into);
  }

  async write(): Promise<void> {
    assert.fail("the volume was opened to be read");
  }

  async zero(): Promise<void> {
    assert.fail("the volume was opened to be read");
  }

  async flush(): Promise<void> {
    assert.fail("the volume was opened to be read");
  }

  /** What was opened for it is the store's, which closes it. */
  async close(): Promise<void> {
    return;
  }
}

/** A snapshot: its content never changes, and where it is only when the collector moves it. */
export class StoredSnapshotReader implements SnapshotReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #store: Store;
  readonly #snapshotId: string;
  readonly #options: ReaderOptions;
  readonly #reader: ExtentReader;

  constructor(store: Store, snapshot: SnapshotRow) {
    const { database, dataDir, damage } = store;
    const label = `snapshot ${snapshot.id} of volume ${snapshot.volumeId}, of ${snapshot.groupId}`;
    this.sizeBytes = snapshot.sizeBytes;
    this.geometry = geometryOf(snapshot);
    this.#store = store;
    this.#snapshotId = snapshot.id;
    const tables = new CommittedTables({
      label,
      stripeCount: snapshot.stripeCount,
      load: (extent) =>
        database.snapshot(() => loadBlocks(database, findSnapshot(database, snapshot.id).tableId, extent)),
      damage,
    });
    const { geometry, sizeBytes } = this;
    this.#options = { label, geometry, sizeBytes, dataDir, files: store.files, tables, damage };
    this.#reader = new ExtentReader(this.#options);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#reader.read(offset, into);
  }

  async extentMap(): Promise<readonly ExtentToken[]> {
    return this.#ofTable(extentTokens);
  }

  async extentDigests(): Promise<readonly ExtentDigest[]> {
    return this.#ofTable(extentDigests);
  }

  async extentBlocks(extent: number): Promise<ExtentBlocks> {
    const table = this.#options.tables.get(extent) ?? BlockTable.holes(this.geometry.extentBytes / blockBytes);
    return new DataFileBlocks(this.#options, extent, table);
  }

  #ofTable<Each>(read: (database: Database, tableId: number, extents: number) => Each[]): readonly Each[] {
    const { database } = this.#store;
    const extents = extentCount(this.geometry, this.sizeBytes);
    return database.snapshot(() => read(database, findSnapshot(database, this.#snapshotId).tableId, extents));
  }

  /** What was opened for it is the store's, which closes it. */
  async close(): Promise<void> {
    return;
  }
}

type Labelled = Pick<VolumeRow, "id" | "name"> & Partial<Pick<VolumeRow, "role" | "planId">>;

/** The committed block tables of a volume. */
export const volumeTables = (
  { database, damage }: Store,
  volume: Labelled & Pick<VolumeRow, "stripeCount">,
): CommittedTables =>
  new CommittedTables({
    label: labelOf(volume),
    stripeCount: volume.stripeCount,
    load: (extent) => database.snapshot(() => loadBlocks(database, findVolume(database, volume.id).tableId, extent)),
    damage,
  });

export const labelOf = ({ id, name, role, planId }: Labelled): string =>
  role === "mirror" ? `mirror ${id} (“${name}”) of ${planId}` : `volume ${id} (“${name}”)`;
