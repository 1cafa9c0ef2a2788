import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ExtentBlocks, ExtentToken } from "../storage/volume-io.ts";

/**
 * As much of a snapshot's reader as serving a disk takes; one that is asked one thing at a time,
 * unless it says otherwise.
 */
export interface DiskReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  /** @throws as a BlockReader */
  read(offset: number, into: Uint8Array): Promise<void>;
  /** As a SnapshotReader has it. */
  extentMap(): Promise<readonly ExtentToken[] | undefined>;
  extentBlocks(extent: number): Promise<Pick<ExtentBlocks, "hashes"> | undefined>;
  close(): Promise<void>;
}
