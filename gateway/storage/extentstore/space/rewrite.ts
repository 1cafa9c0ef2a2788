import { blockBytes } from "../../../../core/extent/geometry.ts";
import { isBlock } from "../data/codec.ts";
import { isDamaged, judgeVersion } from "../data/damage.ts";
import type { DataFileWriter } from "../data/data-file.ts";
import type { Store } from "../data/store.ts";
import { loadVersion, markSuspect, moveVersion } from "../data/version-files.ts";
import { removeDataFile } from "./remove.ts";
import { eachLiveBlock, leaveAlone, type Pacer, versionsOfAll } from "./space.ts";

/** Read from a data file at once. */
const rangeBytesMax = 1024 * 1024;
/** What was copied becomes durable after so much, so that the last sync is not a long one. */
const syncBytes = 32 * 1024 * 1024;
/** Versions that are brought up to date in one transaction, which others wait for. */
const versionsAtOnce = 64;

interface LiveBlock {
  readonly offset: number;
  readonly storedBytes: number;
  readonly hash: Uint8Array;
}

/** Where blocks have gone: their new offset by their data file and offset. */
type Moved = Map<number, Map<number, number>>;

/**
 * Copies what is alive of data files that nobody writes into one other, makes it durable, points
 * the versions there, and forgets the old files. Each block is verified before it is written:
 * damage is noted and not carried along, and its file stays. A death at any instant leaves two
 * files that are both referred to.
 * @throws STORE_FULL, DISK_FAILED, what `pace` throws
 */
export const rewriteFiles = async (store: Store, fileIds: readonly number[], pace: Pacer): Promise<void> => {
  const { database, openFiles } = store;
  const live = new Map(fileIds.map((id) => [id, new Map<number, LiveBlock>()]));
  const unknown = await eachLiveBlock(store, { fileIds, pace }, (table, block) => {
    const blocks = live.get(table.fileId(block));
    const offset = table.offset(block);
    if (blocks === undefined || blocks.has(offset)) return;
    blocks.set(offset, { offset, storedBytes: table.storedBytes(block), hash: table.hash(block).slice() });
  });
  const into = openFiles.acquireSeparate();
  try {
    const moved: Moved = new Map();
    for (const [id, blocks] of live) {
      const offsets = unknown.has(id)
        ? undefined
        : await copyBlocks(store, { id, blocks: [...blocks.values()], into, pace });
      if (offsets === undefined) leaveAlone(database, id);
      else moved.set(id, offsets);
    }
    await into.sync();
    await moveVersions(store, moved, into.id, pace);
    for (const id of moved.keys()) forgetFile(store, id);
  } finally {
    openFiles.release(into);
  }
};

/** @returns the new offsets by the old ones, or undefined when a block is damaged */
const copyBlocks = async (
  store: Store,
  options: {
    readonly id: number;
    readonly blocks: readonly LiveBlock[];
    readonly into: DataFileWriter;
    readonly pace: Pacer;
  },
): Promise<Map<number, number> | undefined> => {
  const { id, blocks, into, pace } = options;
  const room = Buffer.allocUnsafe(rangeBytesMax);
  const scratch = Buffer.allocUnsafe(blockBytes);
  const offsets = new Map<number, number>();
  let unsyncedBytes = 0;
  for (const range of rangesOf(blocks)) {
    const [first] = range;
    const last = range.at(-1);
    if (first === undefined || last === undefined) continue;
    const stored = room.subarray(0, last.offset + last.storedBytes - first.offset);
    const had = store.files.read(id, first.offset, stored) ?? 0;
    for (const { offset, storedBytes, hash } of range) {
      const from = offset - first.offset;
      const to = from + storedBytes;
      if (to <= had && isBlock(stored.subarray(from, to), hash, scratch)) continue;
      store.damage.note({ fileId: id, offset });
      return undefined;
    }
    const to = into.appendStored(stored);
    for (const { offset } of range) offsets.set(offset, to + offset - first.offset);
    unsyncedBytes += stored.byteLength;
    if (unsyncedBytes >= syncBytes) {
      await into.sync();
      unsyncedBytes = 0;
    }
    await pace(stored.byteLength);
  }
  return offsets;
};

/** Blocks that lie behind each other, in order. */
const rangesOf = (blocks: readonly LiveBlock[]): LiveBlock[][] => {
  const ranges: LiveBlock[][] = [];
  let range: LiveBlock[] = [];
  let start = 0;
  let end = -1;
  for (const block of [...blocks].sort((a, b) => a.offset - b.offset)) {
    if (block.offset !== end || block.offset + block.storedBytes - start > rangeBytesMax) {
      range = [];
      ranges.push(range);
      start = block.offset;
    }
    range.push(block);
    end = block.offset + block.storedBytes;
  }
  return ranges;
};

const moveVersions = async ({ database }: Store, moved: Moved, into: number, pace: Pacer): Promise<void> => {
  const all = versionsOfAll(database, [...moved.keys()]);
  // Whoever dies here leaves files that nobody refers to any more.
  database.transaction(() => markSuspect(database, moved.keys()));
  for (let from = 0; from < all.length; from += versionsAtOnce) {
    let bytes = 0;
    database.transaction(() => {
      for (const versionId of all.slice(from, from + versionsAtOnce))
        bytes += moveBlocks(database, versionId, moved, into);
    });
    await pace(bytes);
  }
};

/** @returns the bytes of metadata that were written */
const moveBlocks = (database: Store["database"], versionId: number, moved: Moved, into: number): number => {
  const table = loadVersion(database, versionId);
  if (table === undefined || table === "damaged") return 0;
  for (let block = 0; block < table.blockCount; block++) {
    const offsets = moved.get(table.fileId(block));
    if (offsets === undefined) continue;
    const offset = offsets.get(table.offset(block));
    // A version that was made from one that was gone before it was looked at: its file stays, and
    // is looked at again.
    if (offset === undefined) return 0;
    table.set(block, { fileId: into, offset, storedBytes: table.storedBytes(block), hash: table.hash(block) });
  }
  moveVersion(database, versionId, table);
  // What somebody could not read a moment ago was sound when it was copied.
  if (isDamaged(database, versionId)) judgeVersion(database, versionId, table);
  return table.packedBytes;
};

const forgetFile = (store: Store, id: number): void => {
  const { database } = store;
  const forgotten = database.transaction(() => {
    const unreferenced = "id = ? AND NOT EXISTS (SELECT 1 FROM versionFiles WHERE fileId = files.id)";
    return database.run(`DELETE FROM files WHERE ${unreferenced}`, id).changes === 1;
  });
  if (forgotten) removeDataFile(store, id);
};
