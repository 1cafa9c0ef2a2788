import { mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { VisibleError } from "../../../../core/api/errors.ts";
import { asDiskError } from "../../../files/disk-errors.ts";
import { privateFolder } from "../../../files/private.ts";
import { steadyTime, type Time } from "../../../time/time.ts";
import { Database } from "../database/database.ts";
import { migrate } from "../database/schema.ts";
import { DamageNotes } from "./damage.ts";
import { DataFileReaders } from "./data-file-readers.ts";
import { type Disk, systemDisk } from "./disk.ts";
import { IdleSweep } from "./idle.ts";
import { FileLock, isAnybodyAlive, Writer } from "./locks.ts";
import { OpenDataFiles } from "./open-files.ts";

const openWaitMilliseconds = 30_000;
const openFilesDefault = 64;
/**
 * So many data files at the most are open for writing; the others of those that
 * may be open are read.
 */
const writtenMax = 4;
const dataFileBytesDefault = 256 * 1024 * 1024;

/** What may be chosen about an open store, and by tests what it stands on. */
export interface StoreOptions {
  /** Data files that are open at once, for writing and for reading: 3 at least. */
  readonly openFiles?: number;
  /** A data file is full with so much. */
  readonly dataFileBytes?: number;
  readonly time?: Time;
  readonly disk?: Disk;
}

/**
 * An extentstore that is open: a folder of a local file system with
 *
 * - `store.sqlite`, the metadata: volumes, snapshots, groups, mirrors, and which block of which
 *   extent is where;
 * - `data/`, files of compressed blocks that are appended to and never changed;
 * - `locks/`, one file an open driver, locked as long as it lives.
 */
export interface Store {
  readonly database: Database;
  readonly dataDir: string;
  readonly locksDir: string;
  readonly writer: Writer;
  readonly disk: Disk;
  readonly dataFileBytes: number;
  /** The data files that are written. */
  readonly openFiles: OpenDataFiles;
  /** The data files that are read. */
  readonly files: DataFileReaders;
  readonly idle: IdleSweep;
  readonly damage: DamageNotes;
}

/**
 * Opens a folder as a store, making it where there is none.
 * @throws STORE_IN_USE, STORE_TOO_NEW, STORE_CORRUPT, STORE_FULL, DISK_FAILED
 */
export const openStore = (dir: string, options: StoreOptions = {}): Store => {
  try {
    return makeOrOpen(dir, options);
  } catch (error) {
    throw asDiskError(dir, error);
  }
};

const makeOrOpen = (dir: string, options: StoreOptions): Store => {
  const dataDir = join(dir, "data");
  const locksDir = join(dir, "locks");
  for (const folder of [dir, dataDir, locksDir]) mkdirSync(folder, { recursive: true, mode: privateFolder });
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
      migrate(database, { isInUse: () => isAnybodyAlive(database, locksDir) });
      const { disk = systemDisk } = options;
      disk.syncFolder(dir);
      return withFiles({ database, dataDir, locksDir, writer: new Writer(database, locksDir), disk }, options);
    } catch (error) {
      database.close();
      throw error;
    }
  } finally {
    lock.release();
  }
};

const withFiles = (
  base: Pick<Store, "database" | "dataDir" | "locksDir" | "writer" | "disk">,
  options: StoreOptions,
): Store => {
  const { database, dataDir, disk, writer } = base;
  const { openFiles = openFilesDefault, dataFileBytes = dataFileBytesDefault, time = steadyTime } = options;
  const idle = new IdleSweep(time);
  const written = Math.max(1, Math.min(writtenMax, Math.floor(openFiles / 3)));
  // One is the collector's, to write to.
  const read = Math.max(1, openFiles - written - 1);
  const shared = { disk, dataDir, idle };
  return {
    ...base,
    dataFileBytes,
    openFiles: new OpenDataFiles({ ...shared, database, writerId: writer.id, max: written, fileBytes: dataFileBytes }),
    files: new DataFileReaders({ ...shared, max: read }),
    idle,
    damage: new DamageNotes(database),
  };
};

/** @throws what letting go of its part of the metadata throws; everything is closed all the same */
export const closeStore = (store: Store): void => {
  store.idle.stop();
  store.openFiles.close();
  store.files.close();
  try {
    store.writer.close();
  } finally {
    store.database.close();
  }
};
