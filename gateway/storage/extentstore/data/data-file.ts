import { join } from "node:path";
import { VisibleError } from "../../../../core/api/errors.ts";
import { asDiskError, storeFull } from "../../../files/disk-errors.ts";
import { blockHash } from "../../block-hash.ts";
import type { BlockLocation } from "./blocks.ts";
import { compressBlock, compressedBytesMax } from "./codec.ts";
import { closeQuietly, type Disk } from "./disk.ts";

const batchBytes = 1024 * 1024;
/** So much at once is written without being copied into the batch first. */
const unbatchedBytes = 128 * 1024;
/** Data leaves this much of the disk free: deleting needs room for the metadata that says so. */
const metadataReserveBytes = 32 * 1024 * 1024;
const nameDigits = 12;
const suffix = ".blocks";

export const dataFilePath = (dataDir: string, fileId: number): string =>
  join(dataDir, `${fileId.toString().padStart(nameDigits, "0")}${suffix}`);

/** @returns the id of a data file by its name, or undefined for the name of anything else */
export const dataFileIdOf = (name: string): number | undefined =>
  name.endsWith(suffix) ? Number.parseInt(name, 10) || undefined : undefined;

/**
 * One data file while it is being written: blocks are appended, compressed, in batches of 1 MiB,
 * and never changed. It was registered in `files` before it is made, so nobody takes it for
 * garbage.
 *
 * The kernel forgets what it failed to write, and a second fsync would succeed without it. So a
 * file that failed once is given up: it takes nothing more and is never synced again. What was
 * appended can still be read from it, if it is anywhere.
 */
export class DataFileWriter {
  readonly id: number;
  readonly path: string;
  readonly #disk: Disk;
  readonly #dataDir: string;
  readonly #fd: number;
  readonly #batch = Buffer.allocUnsafe(batchBytes + compressedBytesMax);
  #batchedBytes = 0;
  #writtenBytes = 0;
  #syncedBytes = 0;
  #failure: { readonly error: unknown } | undefined;
  #lastSync: Promise<void> = Promise.resolve();
  #syncs = 0;
  #closed = false;

  /** @throws STORE_FULL, DISK_FAILED */
  constructor(options: { readonly disk: Disk; readonly dataDir: string; readonly id: number }) {
    const { disk, dataDir, id } = options;
    this.id = id;
    this.path = dataFilePath(dataDir, id);
    this.#disk = disk;
    this.#dataDir = dataDir;
    try {
      this.#fd = disk.create(this.path);
    } catch (error) {
      throw asDiskError(this.path, error);
    }
  }

  get sizeBytes(): number {
    return this.#writtenBytes + this.#batchedBytes;
  }

  /** Whether the disk failed it: nothing can be appended or made durable any more. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Appends a block. @throws STORE_FULL, DISK_FAILED; then nothing was appended */
  append(block: Uint8Array): BlockLocation {
    if (this.#batchedBytes >= batchBytes) this.drain();
    const offset = this.sizeBytes;
    const storedBytes = compressBlock(block, this.#batch.subarray(this.#batchedBytes));
    this.#batchedBytes += storedBytes;
    return { fileId: this.id, offset, storedBytes, hash: blockHash(block) };
  }

  /**
   * Appends bytes as another data file has them. @returns where they are. @throws STORE_FULL,
   * DISK_FAILED; as `append`
   */
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

  /**
   * Hands what is batched to the kernel, so that it can be read from the file. @throws STORE_FULL,
   * DISK_FAILED
   */
  drain(): void {
    if (this.#batchedBytes === 0) return;
    this.#write(this.#batch.subarray(0, this.#batchedBytes));
    this.#batchedBytes = 0;
  }

  /**
   * Fills `into` with what was appended from `offset` on, written or not. @returns how many bytes
   * there were
   */
  read(offset: number, into: Uint8Array): number {
    let done = 0;
    while (done < into.byteLength && offset + done < this.#writtenBytes) {
      const part = into.subarray(done, Math.min(into.byteLength, this.#writtenBytes - offset));
      const bytes = this.#disk.read(this.#fd, part, offset + done);
      if (bytes === 0) return done;
      done += bytes;
    }
    const from = offset + done - this.#writtenBytes;
    const batched = this.#batch.subarray(from, Math.min(this.#batchedBytes, from + into.byteLength - done));
    into.set(batched, done);
    return done + batched.byteLength;
  }

  /** Writes behind what is written already. */
  #write(bytes: Uint8Array): void {
    this.#refuseFailed();
    try {
      const room = { freeBytes: this.#disk.freeBytes(this.#dataDir), reserveBytes: metadataReserveBytes };
      if (bytes.byteLength + room.reserveBytes > room.freeBytes) throw storeFull(this.path, { room });
      for (let done = 0; done < bytes.byteLength; ) {
        done += this.#disk.write(this.#fd, bytes.subarray(done), this.#writtenBytes + done);
      }
    } catch (error) {
      const named = asDiskError(this.path, error);
      // Without room nothing is lost: the bytes are still here, to be written when there is some.
      if (!VisibleError.is(named, "STORE_FULL")) this.#failure = { error: named };
      throw named;
    }
    this.#writtenBytes += bytes.byteLength;
  }

  /**
   * What was appended when it was called is durable when it resolves. One at a time: of two that
   * run at once the kernel tells only one what went wrong.
   * @throws STORE_FULL, DISK_FAILED
   */
  async sync(): Promise<void> {
    this.#refuseFailed();
    this.drain();
    const wanted = this.#writtenBytes;
    this.#syncs++;
    const turn = this.#lastSync.then(() => this.#syncUpTo(wanted)).finally(() => this.#syncs--);
    // Whoever comes next finds a failure in #failure.
    const over = () => undefined;
    this.#lastSync = turn.then(over, over);
    await turn;
  }

  async #syncUpTo(wanted: number): Promise<void> {
    if (wanted <= this.#syncedBytes) return;
    this.#refuseFailed();
    this.drain();
    const bytes = this.#writtenBytes;
    try {
      await this.#disk.sync(this.#fd);
      if (this.#syncedBytes === 0) this.#disk.syncFolder(this.#dataDir);
    } catch (error) {
      const named = asDiskError(this.path, error);
      this.#failure = { error: named };
      throw named;
    }
    this.#syncedBytes = bytes;
  }

  #refuseFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /**
   * Lets go of the descriptor, and not while the kernel is at it: its number would soon be another
   * file's.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#syncs === 0) closeQuietly(this.#disk, this.#fd);
    else void this.#lastSync.then(() => closeQuietly(this.#disk, this.#fd));
  }
}
