import { readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Time } from "../../../time/time.ts";
import { BlockTable } from "../data/blocks.ts";
import { dataFilePath } from "../data/data-file.ts";
import { Database } from "../database/database.ts";

export const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

/** The sizes of the data files of a store, the oldest first. */
export const dataFileSizes = (dir: string): number[] =>
  readdirSync(join(dir, "data"))
    .sort()
    .map((name) => statSync(join(dir, "data", name)).size);

/** How many data files this process has open, as the kernel tells. */
export const handlesIn = (dir: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(dir, "data"));
    } catch {
      return false;
    }
  }).length;

/** Bytes that versions refer to, the files that somebody writes, and the bytes in those. */
export const inspectSpace = (
  dir: string,
): { readonly liveBytes: number; readonly openFiles: number; readonly openBytes: number } => {
  const database = new Database(join(dir, "store.sqlite"));
  try {
    const live = new Map<string, number>();
    for (const { blocks } of database.all<{ blocks: Uint8Array }>("SELECT blocks FROM versions")) {
      const table = BlockTable.unpack(blocks);
      for (let block = 0; block < table.blockCount; block++) {
        if (!table.isHole(block)) live.set(`${table.fileId(block)} ${table.offset(block)}`, table.storedBytes(block));
      }
    }
    const open = database.all<{ id: number }>("SELECT id FROM files WHERE writer IS NOT NULL");
    const openBytes = sum(open.map(({ id }) => statSync(dataFilePath(join(dir, "data"), id)).size));
    return { liveBytes: sum([...live.values()]), openFiles: open.length, openBytes };
  } finally {
    database.close();
  }
};

/**
 * Time that passes while somebody waits and at no other time: how long work takes by its own pace.
 */
export const waitedTime = (
  meanwhile: () => Promise<void> = async () => undefined,
): Time & { readonly waitedMs: () => number } => {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      await meanwhile();
    },
    waitedMs: () => nowMs,
  };
};
