import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { Store } from "../data/store.ts";
import { chooseFiles } from "./choose.ts";
import { collecting, compact, rewriteWhileRoom, tidy } from "./collect.ts";
import { measuredFiles, type Pacer } from "./space.ts";

/**
 * What is read and copied of data and metadata, so that whoever else needs the disk hardly notices.
 */
export const tendedBytesPerSecond = 32 * 1024 * 1024;

/**
 * One round of what keeps a store small: what is mostly dead is copied without what is dead at any
 * time, and while nobody writes also what is dead in part, and small data files into large ones,
 * until a tenth of the data is dead and few files are small. It ends when there is nothing to do,
 * when somebody writes, or when the signal is aborted. One driver at a time does it.
 * @throws STORE_IN_USE, STORE_CORRUPT, DISK_FAILED
 */
export const tend = async (store: Store, options: { readonly time: Time } & StorageCall): Promise<void> => {
  const { time, signal = new AbortController().signal, onMoved } = options;
  const pace: Pacer = async (bytes) => {
    onMoved?.();
    await time.sleep((bytes / tendedBytesPerSecond) * 1000, signal);
    signal.throwIfAborted();
  };
  const done = new Set<number>();
  try {
    // In steps, so that others who want to give something back have to wait for one only.
    while (await collecting(store, () => step(store, done, pace)));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
};

/**
 * @param done files that a step has dealt with, well or not.
 * @returns whether there may be more to do
 */
const step = async (store: Store, done: Set<number>, pace: Pacer): Promise<boolean> => {
  tidy(store);
  await compact(store, unmeasuredFiles(store), pace);
  if (!isQuiet(store)) return false;
  const left = measuredFiles(store.database).filter(({ id }) => !done.has(id));
  const chosen = chooseFiles(left, store.dataFileBytes);
  for (const id of chosen) done.add(id);
  return chosen.length > 0 && (await rewriteWhileRoom(store, chosen, pace));
};

/** Nobody has written for a while: who does has a data file open, in whatever thread or process. */
const isQuiet = ({ database }: Store): boolean =>
  database.one("SELECT 1 FROM files WHERE writer IS NOT NULL LIMIT 1") === undefined;

/** Files that were never measured, or in which something has become dead since. */
const unmeasuredFiles = ({ database }: Store): number[] =>
  database
    .all<{ id: number }>("SELECT id FROM files WHERE writer IS NULL AND (suspect = 1 OR liveBytes IS NULL) ORDER BY id")
    .map((row) => row.id);
