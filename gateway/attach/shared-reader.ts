import { LRUCache } from "lru-cache";
import { VisibleError } from "../../core/api/errors.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import type { DiskReader } from "./disk-reader.ts";

/** Each has a call under way at most. */
const readersMax = 4;
/** Of 64 KiB: what is read in small pieces is often read side by side, by several at once. */
const blocksKept = 64;

/**
 * A reader of a snapshot for many at once. A storage's own reader takes one call after the other,
 * so there are several of those. What reads less than a block at a time has it unpacked once.
 */
export class SharedReader implements DiskReader {
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly #open: () => Promise<DiskReader>;
  readonly #idle: DiskReader[];
  readonly #waiting: (() => void)[] = [];
  readonly #blocks = new LRUCache<number, Promise<Buffer>>({ max: blocksKept });
  #opened = 1;
  #isClosed = false;

  private constructor(first: DiskReader, open: () => Promise<DiskReader>) {
    this.sizeBytes = first.sizeBytes;
    this.geometry = first.geometry;
    this.#idle = [first];
    this.#open = open;
  }

  /** @param open gives one more reader of the same snapshot @throws what it throws */
  static async open(open: () => Promise<DiskReader>): Promise<SharedReader> {
    return new SharedReader(await open(), open);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (into.length >= blockBytes) return this.#using((reader) => reader.read(offset, into));
    for (let done = 0; done < into.length; ) {
      const skip = (offset + done) % blockBytes;
      const block = await this.#block((offset + done - skip) / blockBytes);
      const part = block.subarray(skip, skip + into.length - done);
      into.set(part, done);
      done += part.length;
    }
  }

  extentMap() {
    return this.#using((reader) => reader.extentMap());
  }

  extentBlocks(extent: number) {
    return this.#using((reader) => reader.extentBlocks(extent));
  }

  /** Nobody may be reading. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#blocks.clear();
    await Promise.all(this.#idle.splice(0).map((reader) => reader.close()));
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

  async #using<T>(work: (reader: DiskReader) => Promise<T>): Promise<T> {
    const reader = await this.#take();
    let isStuck = false;
    try {
      return await work(reader);
    } catch (error) {
      // One that hangs, or whose thread has died, answers nothing more; another may.
      isStuck = !VisibleError.is(error, "STORE_CORRUPT");
      throw error;
    } finally {
      if (isStuck || this.#isClosed) this.#letGo(reader);
      else this.#idle.push(reader);
      this.#waiting.shift()?.();
    }
  }

  async #take(): Promise<DiskReader> {
    for (;;) {
      const reader = this.#idle.pop();
      if (reader !== undefined) return reader;
      if (this.#opened < readersMax) return this.#another();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async #another(): Promise<DiskReader> {
    this.#opened++;
    try {
      return await this.#open();
    } catch (error) {
      this.#opened--;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  #letGo(reader: DiskReader): void {
    this.#opened--;
    reader.close().catch(() => undefined);
  }
}
