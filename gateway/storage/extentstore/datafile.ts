import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { blockHash } from "../../block-hash.ts";
import type { StoredBlock } from "./blocks.ts";
import { compressBlock, compressedBytesMax } from "./codec.ts";
import { storeFull } from "./database.ts";

const batchBytes = 1024 * 1024;
/** So much at once is written without being copied into the batch first. */
const unbatchedBytes = 128 * 1024;
/** Data leaves this much of the disk free: deleting needs room for the metadata that says so. */
const metadataReserveBytes = 32 * 1024 * 1024;
const openFilesMax = 32;
const nameDigits = 12;
const suffix = ".blocks";

export const dataFilePath = (dataDir: string, fileId: number): string =>
  join(dataDir, `${fileId.toString().padStart(nameDigits, "0")}${suffix}`);

/** @returns the id of a data file by its name, or undefined for the name of anything else */
export const dataFileIdOf = (name: string): number | undefined =>
  name.endsWith(suffix) ? Number.parseInt(name, 10) || undefined : undefined;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const whileRoom = <Result>(path: string, work: () => Result): Result => {
  try {
    return work();
  } catch (error) {
    throw codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT" ? storeFull(path, error) : error;
  }
};

/**
 * One data file while it is being written: blocks are appended, compressed, in batches of 1 MiB, and never changed. It was
 * registered in `files` before it is made, so nobody takes it for garbage.
 */
export class DataFileWriter {
  readonly id: number;
  readonly path: string;
  readonly #dataDir: string;
  readonly #fd: number;
  readonly #batch = Buffer.allocUnsafe(batchBytes + compressedBytesMax);
  #batchedBytes = 0;
  #writtenBytes = 0;
  #syncedBytes = 0;
  #failure: { readonly cause: unknown } | undefined;
  #lastSync: Promise<void> = Promise.resolve();

  constructor(dataDir: string, id: number) {
    this.id = id;
    this.path = dataFilePath(dataDir, id);
    this.#dataDir = dataDir;
    this.#fd = whileRoom(this.path, () =>
      openSync(this.path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600),
    );
  }

  get sizeBytes(): number {
    return this.#writtenBytes + this.#batchedBytes;
  }

  /** Appends a block. @throws STORE_FULL */
  append(block: Uint8Array): StoredBlock {
    if (this.#batchedBytes >= batchBytes) this.drain();
    const offset = this.sizeBytes;
    const storedBytes = compressBlock(block, this.#batch.subarray(this.#batchedBytes));
    this.#batchedBytes += storedBytes;
    return { fileId: this.id, offset, storedBytes, hash: blockHash(block) };
  }

  /** Appends bytes as another data file has them. @returns where they are. @throws STORE_FULL */
  appendStored(stored: Uint8Array): number {
    const offset = this.sizeBytes;
    const fits = this.#batchedBytes + stored.byteLength <= this.#batch.byteLength;
    if (!fits || this.#batchedBytes >= batchBytes || stored.byteLength >= unbatchedBytes) this.drain();
    if (stored.byteLength >= unbatchedBytes) this.#write(stored);
    else {
      this.#batch.set(stored, this.#batchedBytes);
      this.#batchedBytes += stored.byteLength;
    }
    return offset;
  }

  /** Hands what is batched to the kernel, so that it can be read from the file. @throws STORE_FULL */
  drain(): void {
    if (this.#batchedBytes === 0) return;
    this.#write(this.#batch.subarray(0, this.#batchedBytes));
    this.#batchedBytes = 0;
  }

  /** Writes behind what is written already. @throws STORE_FULL */
  #write(bytes: Uint8Array): void {
    const { bavail, bsize } = statfsSync(this.#dataDir);
    if (bavail * bsize < bytes.byteLength + metadataReserveBytes) throw storeFull(this.path);
    whileRoom(this.path, () => {
      for (let done = 0; done < bytes.byteLength; ) {
        done += writeSync(this.#fd, bytes, done, bytes.byteLength - done, this.#writtenBytes + done);
      }
    });
    this.#writtenBytes += bytes.byteLength;
  }

  /**
   * Durable when this returns. The kernel forgets what it failed to write, and a second fsync would succeed without it: a
   * file that failed once can't be committed any more.
   * @throws STORE_FULL
   */
  syncNow(): void {
    const bytes = this.#bytesToSync();
    if (bytes === this.#syncedBytes) return;
    this.#synced(bytes, () => fdatasyncSync(this.#fd));
  }

  /**
   * `syncNow` off the calling thread. What was appended when it was called is durable when it resolves. One at a time: of two
   * that run at once the kernel tells only one what went wrong.
   * @throws STORE_FULL
   */
  async sync(): Promise<void> {
    const wanted = this.#bytesToSync();
    const turn = this.#lastSync.then(() => this.#syncUpTo(wanted));
    // Whoever comes next finds a failure in #failure.
    const over = () => undefined;
    this.#lastSync = turn.then(over, over);
    await turn;
  }

  async #syncUpTo(wanted: number): Promise<void> {
    const bytes = this.#bytesToSync();
    if (wanted <= this.#syncedBytes) return;
    const error = await new Promise<unknown>((resolve) => fdatasync(this.#fd, resolve));
    this.#synced(bytes, () => {
      if (error !== null) throw error;
    });
  }

  #bytesToSync(): number {
    if (this.#failure !== undefined) throw new Error(`writing ${this.path} has failed before`, this.#failure);
    this.drain();
    return this.#writtenBytes;
  }

  #synced(bytes: number, work: () => void): void {
    try {
      whileRoom(this.path, work);
      if (this.#syncedBytes === 0) syncDirectory(this.#dataDir);
    } catch (error) {
      this.#failure = { cause: error };
      throw error;
    }
    this.#syncedBytes = Math.max(this.#syncedBytes, bytes);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Makes the names in a directory durable. */
export const syncDirectory = (path: string): void => {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
};

export const removeDataFile = (dataDir: string, fileId: number): void =>
  rmSync(dataFilePath(dataDir, fileId), { force: true });

/** @returns 0 at the end of the file, and where the disk can't read */
const readPart = (fd: number, into: Uint8Array, offset: number): number => {
  try {
    return readSync(fd, into, 0, into.byteLength, offset);
  } catch (error) {
    if (codeOf(error) === "EIO") return 0;
    throw error;
  }
};

/** Data files open for reading, the least recently opened closed first when there are many. */
export class DataFileReaders {
  readonly #dataDir: string;
  readonly #open = new Map<number, number>();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /**
   * Fills `into` from a data file. @returns how many bytes there were, or undefined when there is no such file; what the disk
   * can't read counts as not there
   */
  read(fileId: number, offset: number, into: Uint8Array): number | undefined {
    const fd = this.#fd(fileId);
    if (fd === undefined) return undefined;
    let done = 0;
    while (done < into.byteLength) {
      const bytes = readPart(fd, into.subarray(done), offset + done);
      if (bytes === 0) break;
      done += bytes;
    }
    return done;
  }

  close(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }

  #fd(fileId: number): number | undefined {
    const known = this.#open.get(fileId);
    if (known !== undefined) return known;
    try {
      const fd = openSync(dataFilePath(this.#dataDir, fileId), "r");
      this.#open.set(fileId, fd);
      this.#closeOldest();
      return fd;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  #closeOldest(): void {
    if (this.#open.size <= openFilesMax) return;
    for (const [fileId, fd] of this.#open) {
      closeSync(fd);
      this.#open.delete(fileId);
      return;
    }
  }
}
