import { LRUCache } from "lru-cache";
import { asDiskError } from "../../../files/disk-errors.ts";
import { dataFilePath } from "./data-file.ts";
import { closeQuietly, type Disk } from "./disk.ts";
import type { IdleSweep } from "./idle.ts";

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

interface Handle {
  readonly fd: number;
  usedAtMs: number;
}

/**
 * The data files that a store has open for reading, for all its readers: the least recently used is
 * closed when there are too many, and every one that is not used for a while, since what is deleted
 * takes up space until nobody has it open.
 */
export class DataFileReaders {
  readonly #disk: Disk;
  readonly #dataDir: string;
  readonly #max: number;
  readonly #idle: IdleSweep;
  readonly #open: LRUCache<number, Handle>;

  constructor(options: {
    readonly disk: Disk;
    readonly dataDir: string;
    readonly max: number;
    readonly idle: IdleSweep;
  }) {
    this.#disk = options.disk;
    this.#dataDir = options.dataDir;
    this.#max = options.max;
    this.#idle = options.idle;
    this.#open = new LRUCache({ max: options.max, dispose: ({ fd }) => closeQuietly(this.#disk, fd) });
    this.#idle.add((beforeMs) => this.#closeIdle(beforeMs));
  }

  /**
   * Fills `into` from a data file. @returns how many bytes there were, or undefined when there is
   * no such file; what the disk can't read counts as not there. @throws DISK_FAILED when it has
   * more than a place that can't be read
   */
  read(fileId: number, offset: number, into: Uint8Array): number | undefined {
    const fd = this.#fd(fileId);
    if (fd === undefined) return undefined;
    let done = 0;
    while (done < into.byteLength) {
      const bytes = this.#readPart(fd, into.subarray(done), offset + done);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  /** The file is no longer needed. */
  closeFile(fileId: number): void {
    this.#open.delete(fileId);
  }

  close(): void {
    this.#open.clear();
  }

  /** @returns 0 at the end of the file, and where the disk can't read */
  #readPart(fd: number, into: Uint8Array, offset: number): number {
    try {
      return this.#disk.read(fd, into, offset);
    } catch (error) {
      if (codeOf(error) === "EIO") return 0;
      throw asDiskError(this.#dataDir, error);
    }
  }

  #fd(fileId: number): number | undefined {
    const handle = this.#open.get(fileId) ?? this.#openFile(fileId);
    if (handle === undefined) return undefined;
    handle.usedAtMs = this.#idle.nowMs();
    return handle.fd;
  }

  #openFile(fileId: number): Handle | undefined {
    // Before, and not when it is put in: there may be no descriptor left for one more.
    if (this.#open.size >= this.#max) this.#open.pop();
    const path = dataFilePath(this.#dataDir, fileId);
    try {
      const handle = { fd: this.#disk.open(path), usedAtMs: this.#idle.nowMs() };
      this.#open.set(fileId, handle);
      this.#idle.wake();
      return handle;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw asDiskError(path, error);
    }
  }

  #closeIdle(beforeMs: number): boolean {
    for (const [fileId, { usedAtMs }] of [...this.#open.entries()]) if (usedAtMs <= beforeMs) this.closeFile(fileId);
    return this.#open.size > 0;
  }
}
