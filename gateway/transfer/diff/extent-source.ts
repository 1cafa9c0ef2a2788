import { blockAt, blockBytes } from "../../../core/extent/geometry.ts";
import { assertExtent, partsOf } from "../../../core/extent/striping.ts";
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

/** Where the extent has to be read in any case: what a processor's caches hold, for several. */
const gathered = { unitBytes: 4 * blockBytes, unitsAhead: 8 };

/**
 * @param options.verify whether every read of it is verified; else those of a cluster that keeps
 *   blocks are not, and the extent's digest tells whether they were right
 * @param options.inPart whether little of it will be read, here and there
 * @throws STORE_CORRUPT
 */
export const openExtent = async (
  snapshot: SnapshotReader,
  extent: number,
  {
    verify,
    inPart = false,
    call,
  }: { readonly verify: boolean; readonly inPart?: boolean; readonly call?: StorageCall },
): Promise<ExtentSource> => {
  const { geometry, sizeBytes } = snapshot;
  const { extentBytes } = geometry;
  assertExtent(geometry, sizeBytes, extent);
  const blocks = await snapshot.extentBlocks(extent, call);
  const cache =
    blocks === undefined || verify
      ? new BlockCache({
          extentBytes,
          ...(blocks === undefined && !inPart ? gathered : { unitBytes: blockBytes }),
          read: (offset, into) => readExtent(snapshot, extent, { offset, into, call }),
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
  extent: number,
  {
    offset,
    into,
    call,
  }: { readonly offset: number; readonly into: Uint8Array; readonly call: StorageCall | undefined },
): Promise<void> => {
  const parts = [...partsOf(reader.geometry, extent, { offset, length: into.length })];
  await Promise.all(
    parts.map((part) => {
      const from = part.offsetInExtent - offset;
      return reader.read(part.offset, into.subarray(from, from + part.length), call);
    }),
  );
};
