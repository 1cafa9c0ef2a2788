import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { Lun, MappedRange } from "../../../iscsi/lun/lun.ts";
import type { StorageCall } from "../../call.ts";
import type { ExtentToken, SnapshotReader } from "../../volume-io.ts";
import type { OpenClone } from "./believed-holes.ts";
import { readBytes } from "./lun-bytes.ts";

/**
 * Reads a snapshot through the temporary clone that was made of it. What has changed its extent
 * table tells, where the cluster's own command line may be asked for that.
 */
export class ClonedSnapshotReader implements SnapshotReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #openClone: (call?: StorageCall) => Promise<OpenClone>;
  #clone: Promise<OpenClone> | undefined;
  readonly #extentMap: ((call?: StorageCall) => Promise<readonly ExtentToken[]>) | undefined;

  constructor(of: {
    /** Not before a byte is asked for: who wants the table alone logs in nowhere. */
    readonly openClone: (call?: StorageCall) => Promise<OpenClone>;
    readonly sizeBytes: number;
    readonly geometry: Geometry;
    readonly extentMap: ((call?: StorageCall) => Promise<readonly ExtentToken[]>) | undefined;
  }) {
    this.sizeBytes = of.sizeBytes;
    this.geometry = of.geometry;
    this.#openClone = of.openClone;
    this.#extentMap = of.extentMap;
  }

  async read(offset: number, into: Uint8Array, call?: StorageCall): Promise<void> {
    const { lun, holes } = await this.#opened(call);
    const ranges = await holes?.rangesOf(offset, into.length, call);
    if (ranges === undefined) await readBytes(lun, offset, into, call);
    else await readMapped(lun, ranges, { offset, into }, call);
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

  async #opened(call: StorageCall | undefined): Promise<OpenClone> {
    const opening = this.#clone ?? this.#openClone(call);
    this.#clone = opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#clone === opening) this.#clone = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const clone = await this.#clone?.catch(() => undefined);
    await clone?.lun.close();
  }
}

/** What is no range, or one without content, is zeros. */
const readMapped = async (
  lun: Lun,
  ranges: readonly MappedRange[],
  { offset: from, into }: { readonly offset: number; readonly into: Uint8Array },
  call: StorageCall | undefined,
): Promise<void> => {
  const mapped = ranges.filter(({ isMapped }) => isMapped);
  if (mapped.reduce((sum, { length }) => sum + length, 0) < into.length) into.fill(0);
  const all = mapped.map(({ offset, length }) =>
    lun.read(offset, into.subarray(offset - from, offset - from + length), call),
  );
  // None may read into a buffer that somebody else has by then.
  await Promise.allSettled(all);
  await Promise.all(all);
};
