import { statSync } from "node:fs";
import type { BlockTable } from "../data/blocks.ts";
import { damagedOffsets } from "../data/damage.ts";
import { dataFilePath } from "../data/data-file.ts";
import type { Store } from "../data/store.ts";
import { filesOf, loadVersion, markSuspect } from "../data/version-files.ts";
import type { Database } from "../database/database.ts";

/**
 * What a data file that nobody writes takes up, and how much of that somebody refers to, when it
 * was last measured.
 */
export interface FileSpace {
  readonly id: number;
  readonly sizeBytes: number;
  readonly liveBytes: number;
}

/**
 * Waits as long as so many bytes of work deserve; others have their turn meanwhile. @throws when
 * the work is called off
 */
export type Pacer = (bytes: number) => Promise<void>;

/**
 * Measured at once: neighbours have many versions in common, and each of those is looked at once.
 */
export const measuredAtOnce = 16;

/**
 * Measures data files that nobody writes. Suspicion is taken from them first, so what becomes dead
 * meanwhile is suspected anew. What is damaged in them is noted. @throws what `pace` throws; then
 * they are suspect as before
 */
export const measureFiles = async (store: Store, fileIds: readonly number[], pace: Pacer): Promise<void> => {
  const { database } = store;
  database.transaction(() => {
    // A driver that dies here leaves files that count as never measured.
    for (const id of fileIds) database.run("UPDATE files SET suspect = 0, liveBytes = NULL WHERE id = ?", id);
  });
  const live = new Map(fileIds.map((id) => [id, new Map<number, number>()]));
  let unknown: ReadonlySet<number>;
  try {
    unknown = await eachLiveBlock(store, { fileIds, pace }, (table, block) =>
      live.get(table.fileId(block))?.set(table.offset(block), table.storedBytes(block)),
    );
  } catch (error) {
    database.transaction(() => markSuspect(database, fileIds));
    throw error;
  }
  for (const [id, blocks] of live) {
    const space = unknown.has(id) ? undefined : spaceOf(store, id, blocks);
    if (space === undefined) leaveAlone(database, id);
    else noteSpace(database, space);
  }
};

/**
 * @param live the stored lengths of blocks by their offset. @returns undefined when some of them
 *   are damaged
 */
const spaceOf = (store: Store, id: number, live: ReadonlyMap<number, number>): FileSpace | undefined => {
  const { database, dataDir, damage } = store;
  const sizeBytes = statSync(dataFilePath(dataDir, id), { throwIfNoEntry: false })?.size ?? 0;
  let liveBytes = 0;
  let cutOffFrom = Number.POSITIVE_INFINITY;
  for (const [offset, storedBytes] of live) {
    liveBytes += storedBytes;
    if (offset + storedBytes > sizeBytes) cutOffFrom = Math.min(cutOffFrom, offset);
  }
  if (cutOffFrom < Number.POSITIVE_INFINITY) damage.note({ fileId: id, from: cutOffFrom });
  for (const offset of damagedOffsets(database, id)) if (live.has(offset)) return undefined;
  return { id, sizeBytes, liveBytes };
};

const noteSpace = (database: Database, { id, sizeBytes, liveBytes }: FileSpace): void => {
  database.transaction(() =>
    database.run("UPDATE files SET sizeBytes = ?, liveBytes = ? WHERE id = ?", sizeBytes, liveBytes, id),
  );
};

/**
 * Of a file with damage nothing is copied: nobody looks at it until something in it is mended or
 * becomes dead.
 */
export const leaveAlone = (database: Database, id: number): void => {
  database.transaction(() => database.run("UPDATE files SET sizeBytes = NULL, liveBytes = 0 WHERE id = ?", id));
};

/**
 * The data files that nobody writes, as far as they are measured and nothing in them
 * has become dead since.
 * @param deadFraction of those only whose dead part is larger
 */
export const measuredFiles = (database: Database, deadFraction = -1): FileSpace[] =>
  database.all<FileSpace>(
    `SELECT id, sizeBytes, liveBytes FROM files
     WHERE writer IS NULL AND suspect = 0 AND liveBytes IS NOT NULL AND sizeBytes - liveBytes > sizeBytes * ? ORDER BY id`,
    deadFraction,
  );

/**
 * Calls `visit` for each block of each version that lies in one of the files; for blocks that
 * versions share more than once. The versions are those of the beginning: a file without a writer
 * only gets others that copy references from them.
 * @returns the files of which it can't be told until it is mended or gone: a version's table is
 *   damaged, which is noted
 */
export const eachLiveBlock = async (
  { database, damage }: Store,
  { fileIds, pace }: { readonly fileIds: readonly number[]; readonly pace: Pacer },
  visit: (table: BlockTable, block: number) => void,
): Promise<Set<number>> => {
  const wanted = new Set(fileIds);
  const unknown = new Set<number>();
  for (const versionId of versionsOfAll(database, fileIds)) {
    const table = loadVersion(database, versionId);
    if (table === "damaged") {
      damage.note({ versionId });
      for (const id of filesOf(database, versionId)) if (wanted.has(id)) unknown.add(id);
    } else if (table !== undefined) {
      for (let block = 0; block < table.blockCount; block++) if (wanted.has(table.fileId(block))) visit(table, block);
      await pace(table.packedBytes);
    }
  }
  return unknown;
};

/** The versions that refer to one of the data files. */
export const versionsOfAll = (database: Database, fileIds: readonly number[]): number[] =>
  database
    .all<{ versionId: number }>(
      "SELECT DISTINCT versionId FROM versionFiles WHERE fileId IN (SELECT value FROM json_each(?)) ORDER BY versionId",
      JSON.stringify(fileIds),
    )
    .map((row) => row.versionId);
