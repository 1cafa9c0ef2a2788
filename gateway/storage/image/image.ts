import { sectorBytes } from "../../../core/api/object-spec.ts";
import type { Range } from "./data-ranges.ts";

/** A disk image as raw bytes, read from its start to its end. */
export interface Image {
  readonly sizeBytes: number;
  /** Where it has data, in order; the rest is zeros, and need not be read. */
  readonly data: readonly Range[];
  /**
   * Fills `into` from `offset`, which is never before what was read last. @throws IMAGE_UNREADABLE
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  /**
   * Call when all was read. @throws IMAGE_UNREADABLE when that is not one disk: it was written to
   * meanwhile, or does not end where it should; IMAGE_UNSUPPORTED when its end shows that it is
   * something else
   */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param anyLength whether it may end within a sector, as a file may.
 * @returns why a disk can't have this size, or undefined
 */
export const oddSize = (sizeBytes: number, { anyLength = false } = {}): string | undefined =>
  sizeBytes > 0 && (anyLength || sizeBytes % sectorBytes === 0)
    ? undefined
    : `has ${sizeBytes} bytes, and a disk has whole sectors of ${sectorBytes}`;
