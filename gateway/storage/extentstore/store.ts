import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { VisibleError } from "../../../core/api/errors.ts";
import { DamageNotes } from "./damage.ts";
import { Database } from "./database.ts";
import { syncDirectory } from "./datafile.ts";
import { FileLock, Writer } from "./locks.ts";
import { OpenDataFiles } from "./openfiles.ts";
import { migrate } from "./schema.ts";

const openWaitMilliseconds = 30_000;

/**
 * An extentstore that is open: a folder of a local file system with
 *
 * - `store.sqlite`, the metadata: volumes, snapshots, groups, mirrors, and which block of which extent is where;
 * - `data/`, files of compressed blocks that are appended to and never changed;
 * - `locks/`, one file an open driver, locked as long as it lives.
 */
export interface Store {
  readonly database: Database;
  readonly dataDir: string;
  readonly locksDir: string;
  readonly writer: Writer;
  readonly openFiles: OpenDataFiles;
  readonly damage: DamageNotes;
}

/** Opens a folder as a store, making it where there is none. @throws STORE_IN_USE, STORE_TOO_NEW, STORE_CORRUPT */
export const openStore = (dir: string): Store => {
  const dataDir = join(dir, "data");
  const locksDir = join(dir, "locks");
  mkdirSync(dataDir, { recursive: true });
  mkdirSync(locksDir, { recursive: true });
  const lock = FileLock.tryAcquire(join(locksDir, "open"), openWaitMilliseconds);
  if (lock === undefined) {
    throw new VisibleError(
      "STORE_IN_USE",
      `Another process has been opening ${dir} for over ${openWaitMilliseconds / 1000} s.`,
      {
        hint: "Look for a process that hangs with the store open.",
      },
    );
  }
  try {
    const database = new Database(join(realpathSync(dir), "store.sqlite"));
    try {
      migrate(database);
      syncDirectory(dir);
      const writer = new Writer(database, locksDir);
      return {
        database,
        dataDir,
        locksDir,
        writer,
        openFiles: new OpenDataFiles({ database, dataDir, writerId: writer.id }),
        damage: new DamageNotes(database),
      };
    } catch (error) {
      database.close();
      throw error;
    }
  } finally {
    lock.release();
  }
};

export const closeStore = (store: Store): void => {
  store.openFiles.close();
  store.writer.close();
  store.database.close();
};
