import { VisibleError } from "../../../../core/api/errors.ts";
import type { Database } from "../database/database.ts";
import { DataFileWriter } from "./data-file.ts";
import type { Disk } from "./disk.ts";
import type { IdleSweep } from "./idle.ts";

interface Open {
  readonly file: DataFileWriter;
  /** Whoever was the last to begin with it. */
  volumeId: string;
  users: number;
  idleSinceMs: number;
  /** Nobody gets it any more. */
  retired: boolean;
}

/**
 * The data files that this driver is appending to. What lies together should be deleted together,
 * so volumes that are written at once have a file each; and there are to be neither very many files
 * nor very many handles, so the next volume goes on with the file that has been idle for longest,
 * and where all are in use they are shared.
 *
 * A file is taken by whoever has writes that aren't committed yet. It is sealed when nobody has and
 * it is full, has failed or has been idle for a while: only then the collector looks at it.
 */
export class OpenDataFiles {
  readonly #database: Database;
  readonly #disk: Disk;
  readonly #dataDir: string;
  readonly #writerId: string;
  readonly #max: number;
  readonly #fileBytes: number;
  readonly #idle: IdleSweep;
  readonly #open = new Map<DataFileWriter, Open>();

  constructor(options: {
    readonly database: Database;
    readonly disk: Disk;
    readonly dataDir: string;
    readonly writerId: string;
    /** Files that are open at once; more only while a disk fails one after the other. */
    readonly max: number;
    /**
     * A file takes no new writes beyond this; what is being written to it may
     * still be finished there.
     */
    readonly fileBytes: number;
    readonly idle: IdleSweep;
  }) {
    this.#database = options.database;
    this.#disk = options.disk;
    this.#dataDir = options.dataDir;
    this.#writerId = options.writerId;
    this.#max = options.max;
    this.#fileBytes = options.fileBytes;
    this.#idle = options.idle;
    this.#idle.add((beforeMs) => this.#sealIdle(beforeMs));
  }

  /**
   * The file to append a volume's blocks to, until `release`. It has not failed. @throws
   * STORE_FULL, DISK_FAILED
   */
  acquire(volumeId: string): DataFileWriter {
    const usable = [...this.#open.values()].filter(({ file, retired }) => !retired && !file.failed);
    const open =
      usable.find((one) => one.volumeId === volumeId && !this.#isFull(one)) ??
      (this.#open.size < this.#max ? this.#begin(volumeId) : undefined) ??
      usable.filter(({ users }) => users === 0).sort((a, b) => a.idleSinceMs - b.idleSinceMs)[0] ??
      // The smallest, so that the others get full and are let go.
      usable.sort((a, b) => a.file.sizeBytes - b.file.sizeBytes)[0] ??
      this.#begin(volumeId);
    if (open.users === 0) open.volumeId = volumeId;
    open.users++;
    return open.file;
  }

  /**
   * What was appended since `acquire` is committed or given up.
   * @returns whether the file is closed now
   */
  release(file: DataFileWriter): boolean {
    const open = this.#open.get(file);
    if (open === undefined) return false;
    open.users--;
    if (open.users > 0) return false;
    open.idleSinceMs = this.#idle.nowMs();
    if (open.retired || file.failed || this.#isFull(open)) return this.#seal(open);
    this.#idle.wake();
    return false;
  }

  /** Nothing more will be written for the volume for now. */
  retire(volumeId: string): void {
    for (const open of this.#open.values()) {
      if (open.volumeId === volumeId && open.users === 0) this.#seal(open);
    }
  }

  /**
   * Makes a file for other blocks than a volume's own, beside the others; it is `release`d like
   * them. @throws as `acquire`
   */
  acquireSeparate(): DataFileWriter {
    const open = this.#begin("");
    open.retired = true;
    open.users++;
    return open.file;
  }

  close(): void {
    for (const { file } of this.#open.values()) file.close();
    this.#open.clear();
  }

  #isFull({ file }: Open): boolean {
    return file.sizeBytes >= this.#fileBytes;
  }

  #begin(volumeId: string): Open {
    const id = this.#database.transaction(
      () => this.#database.run("INSERT INTO files (writer) VALUES (?)", this.#writerId).lastId,
    );
    try {
      const file = new DataFileWriter({ disk: this.#disk, dataDir: this.#dataDir, id });
      const open = { file, volumeId, users: 0, idleSinceMs: 0, retired: false };
      this.#open.set(file, open);
      return open;
    } catch (error) {
      this.#letGo(id);
      throw error;
    }
  }

  #sealIdle(beforeMs: number): boolean {
    for (const open of [...this.#open.values()]) {
      if (open.users === 0 && (open.retired || open.idleSinceMs <= beforeMs)) this.#seal(open);
    }
    return this.#open.size > 0;
  }

  /**
   * What is committed stays committed whether this succeeds or not; where it does not, the next
   * sweep tries again.
   */
  #seal(open: Open): boolean {
    open.retired = true;
    try {
      this.#letGo(open.file.id);
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      this.#idle.wake();
      return false;
    }
    this.#open.delete(open.file);
    open.file.close();
    return true;
  }

  /**
   * The collector looks at every file once when its writer is through: not everything in it need
   * have been committed.
   */
  #letGo(fileId: number): void {
    this.#database.transaction(() =>
      this.#database.run("UPDATE files SET writer = NULL, suspect = 1 WHERE id = ?", fileId),
    );
  }
}
