import { blockAt, blockBytes } from "../../../core/extent/geometry.ts";
import { type ExtentRange, extentRanges } from "../../../core/extent/striping.ts";
import { hashAt, isSame, zeroBlockHash } from "../../storage/block-hash.ts";
import type { StorageCall } from "../../storage/call.ts";
import type { BlockReader, ExtentBlocks, SnapshotReader } from "../../storage/volume-io.ts";
import { BlockCache } from "./block-cache.ts";

/**
 * One extent of a snapshot in its own order, whatever the volume's striping, and what is known of
 * it without reading.
 */
export interface ExtentSource {
  readonly extentBytes: number;
  readonly blockCount: number;
  /** Undefined where the cluster keeps no blocks: they have to be read. */
  readonly blocks: ExtentBlocks | undefined;
  readonly cache: BlockCache;
}

/** Read at once where the extent has to be read in any case. */
const gatheredBytes = 4 * blockBytes;

/**
 * @param options.verify whether every read of it is verified; else those of a cluster that keeps
 *   blocks are not, and the extent's digest tells whether they were right. @throws STORE_CORRUPT
 */
export const openExtent = async (
  snapshot: SnapshotReader,
  extent: number,
  { verify, call }: { readonly verify: boolean; readonly call?: StorageCall },
): Promise<ExtentSource> => {
  const { geometry, sizeBytes } = snapshot;
  const { extentBytes } = geometry;
  const ranges = extentRanges(geometry, sizeBytes, extent);
  const blocks = await snapshot.extentBlocks(extent, call);
  const cache =
    blocks === undefined || verify
      ? new BlockCache({
          extentBytes,
          unitBytes: blocks === undefined ? gatheredBytes : blockBytes,
          read: (offset, into) => readExtent(snapshot, ranges, { offset, into, call }),
        })
      : new BlockCache({
          extentBytes,
          unitBytes: blockBytes,
          read: async (offset, into) => readBlock(blocks, blockAt(offset), into),
        });
  return { extentBytes, blockCount: extentBytes / blockBytes, blocks, cache };
};

const readBlock = (blocks: ExtentBlocks, block: number, into: Uint8Array): void => {
  if (isSame(hashAt(blocks.hashes, block), zeroBlockHash)) into.fill(0);
  else blocks.readContent(block, into);
};

const readExtent = async (
  reader: BlockReader,
  ranges: readonly ExtentRange[],
  {
    offset,
    into,
    call,
  }: { readonly offset: number; readonly into: Uint8Array; readonly call: StorageCall | undefined },
): Promise<void> => {
  for (const part of partsOf(ranges, offset, into.length)) {
    const from = part.offsetInExtent - offset;
    await reader.read(part.offset, into.subarray(from, from + part.length), call);
  }
};

/** The ranges of the volume that bytes of an extent lie in. */
export function* partsOf(
  ranges: readonly ExtentRange[],
  offset: number,
  length: number,
): Generator<ExtentRange, void, void> {
  // All ranges of an extent are equally long.
  const rangeBytes = ranges[0]?.length ?? length;
  const end = offset + length;
  for (const range of ranges.slice(Math.floor(offset / rangeBytes), Math.ceil(end / rangeBytes))) {
    const from = Math.max(offset, range.offsetInExtent);
    const to = Math.min(end, range.offsetInExtent + range.length);
    yield { offset: range.offset + (from - range.offsetInExtent), length: to - from, offsetInExtent: from };
  }
}
