import { statSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import type { Space } from "../../../../core/api/deletion/space.ts";
import type { StorageCall } from "../../call.ts";
import type { SpaceOptions } from "../../control.ts";
import { volumesOfRebuilt } from "../cluster/rebuilt.ts";
import type { BlockTable } from "../data/blocks.ts";
import { dataFilePath } from "../data/data-file.ts";
import type { Store } from "../data/store.ts";
import { loadVersion } from "../data/version-files.ts";
import type { Database } from "../database/database.ts";
import { measuredAtOnce, versionsOfAll } from "./space.ts";

/** Some seconds' work: block tables of 128 KiB each are read and checked. */
const versionsLookedAtMax = 20_000;
/** Others have their turn after so many. */
const versionsPerTurn = 16;

/**
 * How much of the data files is only referred to by what would go: of the extent versions that
 * nothing else has, the blocks that no other version shares. Data files are looked at in turns,
 * each with all versions that refer to it. What is not looked at any more counts in full.
 */
export const spaceOf = async (store: Store, options: SpaceOptions, call: StorageCall = {}): Promise<Space> => {
  const going = new Set(goingVersions(store.database, options));
  const fileIds = filesOfAll(store.database, [...going]);
  const looking = new Looking(store, call);
  let bytes = 0;
  for (let from = 0; from < fileIds.length; from += measuredAtOnce) {
    bytes += await bytesOnlyIn(looking, fileIds.slice(from, from + measuredAtOnce), going);
  }
  return { bytes, is: looking.isIncomplete ? "at-most" : "exact" };
};

/** Reads versions as long as there is time for it. */
class Looking {
  readonly store: Store;
  readonly #call: StorageCall;
  #count = 0;
  isIncomplete = false;

  constructor(store: Store, call: StorageCall) {
    this.store = store;
    this.#call = call;
  }

  /** @returns undefined where it can't be read, or there were too many */
  async tableOf(versionId: number): Promise<BlockTable | undefined> {
    if (this.#count % versionsPerTurn === 0) {
      await setImmediate();
      this.#call.signal?.throwIfAborted();
      this.#call.onMoved?.();
    }
    this.#count += 1;
    const table = this.#count > versionsLookedAtMax ? "damaged" : loadVersion(this.store.database, versionId);
    if (table !== "damaged") return table;
    this.isIncomplete = true;
    return undefined;
  }
}

/** Of some data files, what only versions that go refer to. */
const bytesOnlyIn = async (
  looking: Looking,
  fileIds: readonly number[],
  going: ReadonlySet<number>,
): Promise<number> => {
  const only = new Map(fileIds.map((id) => [id, new Map<number, number>()]));
  const versions = versionsOfAll(looking.store.database, fileIds);
  const eachBlock = async (ids: readonly number[], visit: (blocks: Map<number, number>, of: BlockAt) => void) => {
    for (const id of ids) {
      const table = await looking.tableOf(id);
      for (let block = 0; table !== undefined && block < table.blockCount; block++) {
        const blocks = only.get(table.fileId(block));
        if (blocks !== undefined) visit(blocks, { offset: table.offset(block), bytes: table.storedBytes(block) });
      }
    }
  };
  await eachBlock(
    versions.filter((id) => going.has(id)),
    (blocks, { offset, bytes }) => blocks.set(offset, bytes),
  );
  if (looking.isIncomplete) return fileIds.reduce((sum, id) => sum + sizeOf(looking.store, id), 0);
  await eachBlock(
    versions.filter((id) => !going.has(id)),
    (blocks, { offset }) => blocks.delete(offset),
  );
  return [...only.values()].flatMap((blocks) => [...blocks.values()]).reduce((sum, bytes) => sum + bytes, 0);
};

interface BlockAt {
  readonly offset: number;
  readonly bytes: number;
}

const sizeOf = ({ dataDir }: Store, fileId: number): number =>
  statSync(dataFilePath(dataDir, fileId), { throwIfNoEntry: false })?.size ?? 0;

/** The extent versions that nothing has but what goes. */
const goingVersions = (database: Database, options: SpaceOptions): number[] =>
  database
    .all<{ versionId: number }>(
      `WITH going AS MATERIALIZED (SELECT value AS tableId FROM json_each(?1))
       SELECT DISTINCT versionId FROM extents e WHERE tableId IN (SELECT tableId FROM going) AND NOT EXISTS (
         SELECT 1 FROM extents o WHERE o.versionId = e.versionId AND o.tableId NOT IN (SELECT tableId FROM going))`,
      JSON.stringify(goingTables(database, options)),
    )
    .map(({ versionId }) => versionId);

const goingTables = (database: Database, { owner, groups, mirrors, restored }: SpaceOptions): number[] => {
  const { planId, source } = owner;
  const ofGroups = database.all<{ groupId: string; tableId: number }>(
    `SELECT groupId, tableId FROM snapshots JOIN snapshotGroups g ON g.id = groupId WHERE planId = ? AND source = ?`,
    planId,
    source,
  );
  const wanted = groups === "all" ? undefined : new Set<string>(groups);
  const snapshots = ofGroups.flatMap(({ groupId, tableId }) => ((wanted?.has(groupId) ?? true) ? tableId : []));
  const volumes = mirrors
    ? database.all<{ tableId: number }>(
        "SELECT tableId FROM mirrors m JOIN volumes v ON v.id = m.volumeId WHERE m.planId = ? AND m.source = ?",
        planId,
        source,
      )
    : [];
  const made = restored?.objects
    .flatMap((object) => volumesOfRebuilt(database, { key: restored.key, owner, object }))
    .map(({ tableId }) => tableId);
  return [...snapshots, ...volumes.map(({ tableId }) => tableId), ...(made ?? [])];
};

const filesOfAll = (database: Database, versionIds: readonly number[]): number[] =>
  database
    .all<{ fileId: number }>(
      "SELECT DISTINCT fileId FROM versionFiles WHERE versionId IN (SELECT value FROM json_each(?)) ORDER BY fileId",
      JSON.stringify(versionIds),
    )
    .map(({ fileId }) => fileId);
