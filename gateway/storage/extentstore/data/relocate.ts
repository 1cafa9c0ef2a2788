import { blockBytes } from "../../../../core/extent/geometry.ts";
import { diskFailed } from "../../../files/disk-errors.ts";
import type { BlockTable } from "./blocks.ts";
import { isBlock } from "./codec.ts";
import type { DataFileWriter } from "./data-file.ts";

/** Blocks of an extent that were written and aren't committed. */
export interface Uncommitted {
  readonly table: BlockTable;
  readonly dirty: Iterable<number>;
}

/**
 * Writes what isn't committed of a data file that has failed once more, to another: what the kernel
 * could not write it may still have, and each block's hash tells whether it has. The tables name
 * the new places when all of it was appended.
 * @throws DISK_FAILED (also when something is not there any more), STORE_FULL; then the tables are
 *   as they were
 */
export const relocate = (options: {
  readonly from: DataFileWriter;
  readonly to: DataFileWriter;
  readonly extents: Iterable<Uncommitted>;
}): void => {
  const { from, to, extents } = options;
  const room = Buffer.allocUnsafe(blockBytes);
  const scratch = Buffer.allocUnsafe(blockBytes);
  const moves: { readonly table: BlockTable; readonly block: number; readonly offset: number }[] = [];
  for (const { table, dirty } of extents) {
    for (const block of dirty) {
      if (table.fileId(block) !== from.id) continue;
      const stored = room.subarray(0, table.storedBytes(block));
      readAgain(from, table.offset(block), stored);
      if (!isBlock(stored, table.hash(block), scratch)) throw lost(from);
      moves.push({ table, block, offset: to.appendStored(stored) });
    }
  }
  for (const { table, block, offset } of moves) {
    const storedBytes = table.storedBytes(block);
    table.set(block, { fileId: to.id, offset, storedBytes, hash: table.hash(block).slice() });
  }
};

const readAgain = (from: DataFileWriter, offset: number, into: Uint8Array): void => {
  let bytes: number;
  try {
    bytes = from.read(offset, into);
  } catch (error) {
    throw lost(from, error);
  }
  if (bytes < into.byteLength) throw lost(from);
};

const lost = ({ path }: DataFileWriter, cause?: unknown) =>
  diskFailed(path, cause ?? new Error("what was written to it is not there any more"));
