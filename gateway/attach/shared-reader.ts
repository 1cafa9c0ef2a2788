import { LRUCache } from "lru-cache";
import { VisibleError } from "../../core/api/errors.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import type { StorageCall } from "../storage/call.ts";
import { openSnapshotReader, type SnapshotSource } from "../storage/snapshot-reader.ts";
import type { SnapshotReader } from "../storage/volume-io.ts";

/** Each has a call under way at most. */
const readersMax = 4;
/** Of 64 KiB: what is read in small pieces is often read side by side, by several at once. */
const blocksKept = 64;

/**
 * A reader of a snapshot for many at once. A storage's own reader takes one call after the other,
 * so there are several of those. What reads less than a block at a time has it unpacked once.
 */
export class SharedReader implements SnapshotReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #open: () => Promise<SnapshotReader>;
  readonly #idle: SnapshotReader[];
  readonly #waiting: (() => void)[] = [];
  readonly #blocks = new LRUCache<number, Promise<Buffer>>({ max: blocksKept });
  #opened = 1;
  #isClosed = false;

  private constructor(first: SnapshotReader, open: () => Promise<SnapshotReader>) {
    this.sizeBytes = first.sizeBytes;
    this.geometry = first.geometry;
    this.#idle = [first];
    this.#open = open;
  }

  /** @throws SNAPSHOT_UNKNOWN */
  static async open(storage: SnapshotSource, snapshotId: string): Promise<SharedReader> {
    const open = () => openSnapshotReader(storage, snapshotId);
    return new SharedReader(await open(), open);
  }

  async read(offset: number, into: Uint8Array, call?: StorageCall): Promise<void> {
    if (into.length >= blockBytes) return this.#using((reader) => reader.read(offset, into, call));
    for (let done = 0; done < into.length; ) {
      const skip = (offset + done) % blockBytes;
      const block = await this.#block((offset + done - skip) / blockBytes);
      const part = block.subarray(skip, skip + into.length - done);
      into.set(part, done);
      done += part.length;
    }
  }

  extentMap(call?: StorageCall) {
    return this.#using((reader) => reader.extentMap(call));
  }

  extentBlocks(extent: number, call?: StorageCall) {
    return this.#using((reader) => reader.extentBlocks(extent, call));
  }

  extentDigests(call?: StorageCall) {
    return this.#using((reader) => reader.extentDigests(call));
  }

  /** Nobody may be reading. */
  async close(call?: StorageCall): Promise<void> {
    this.#isClosed = true;
    this.#blocks.clear();
    await Promise.all(this.#idle.splice(0).map((reader) => reader.close(call)));
  }

  #block(index: number): Promise<Buffer> {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const asked = this.#readBlock(index);
    this.#blocks.set(index, asked);
    // What could not be read may be readable the next time.
    asked.catch(() => this.#blocks.delete(index));
    return asked;
  }

  async #readBlock(index: number): Promise<Buffer> {
    const content = Buffer.allocUnsafeSlow(blockBytes);
    await this.#using((reader) => reader.read(index * blockBytes, content));
    return content;
  }

  async #using<T>(work: (reader: SnapshotReader) => Promise<T>): Promise<T> {
    const reader = await this.#take();
    let isStuck = false;
    try {
      return await work(reader);
    } catch (error) {
      // Such a one answers nothing more; another may.
      isStuck = VisibleError.is(error, "TIMEOUT");
      throw error;
    } finally {
      if (isStuck || this.#isClosed) this.#letGo(reader);
      else this.#idle.push(reader);
      this.#waiting.shift()?.();
    }
  }

  async #take(): Promise<SnapshotReader> {
    for (;;) {
      const reader = this.#idle.pop();
      if (reader !== undefined) return reader;
      if (this.#opened < readersMax) return this.#another();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #another(): Promise<SnapshotReader> {
    this.#opened++;
    try {
      return await this.#open();
    } catch (error) {
      this.#opened--;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #letGo(reader: SnapshotReader): void {
    this.#opened--;
    reader.close().catch(() => undefined);
  }
}
