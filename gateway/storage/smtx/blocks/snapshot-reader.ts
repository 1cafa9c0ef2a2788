import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";
import type { ExtentToken, SnapshotReader } from "../../volume-io.ts";
import { readBytes } from "./lun-bytes.ts";

/**
 * Reads a snapshot through the temporary clone that was made of it. What has changed its extent
 * table tells, where the cluster's own command line may be asked for that.
 */
export class ClonedSnapshotReader implements SnapshotReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #openLun: (call?: StorageCall) => Promise<Lun>;
  #lun: Promise<Lun> | undefined;
  readonly #extentMap: ((call?: StorageCall) => Promise<readonly ExtentToken[]>) | undefined;

  constructor(of: {
    /** Not before a byte is asked for: who wants the table alone logs in nowhere. */
    readonly openLun: (call?: StorageCall) => Promise<Lun>;
    readonly sizeBytes: number;
    readonly geometry: Geometry;
    readonly extentMap: ((call?: StorageCall) => Promise<readonly ExtentToken[]>) | undefined;
  }) {
    this.sizeBytes = of.sizeBytes;
    this.geometry = of.geometry;
    this.#openLun = of.openLun;
    this.#extentMap = of.extentMap;
  }

  async read(offset: number, into: Uint8Array, call?: StorageCall): Promise<void> {
    const lun = await this.#opened(call);
    await readBytes(lun, offset, into, call);
    // A LUN may be larger than the volume was when it was snapshotted.
    into.fill(0, Math.max(0, Math.min(into.length, this.sizeBytes - offset)));
  }

  async extentMap(call?: StorageCall): Promise<readonly ExtentToken[] | undefined> {
    return this.#extentMap?.(call);
  }

  async extentBlocks(): Promise<undefined> {
    return undefined;
  }

  async extentDigests(): Promise<undefined> {
    return undefined;
  }

  async #opened(call: StorageCall | undefined): Promise<Lun> {
    const opening = this.#lun ?? this.#openLun(call);
    this.#lun = opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#lun === opening) this.#lun = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const lun = await this.#lun?.catch(() => undefined);
    await lun?.close();
  }
}
