import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash, extentDigest } from "../../storage/block-hash.ts";
import { chunkBytes, takeChunkBuffer } from "../../tunnel/upload/chunk-buffers.ts";
import type { BlockCompressor } from "./content.ts";
import {
  type ContentFrame,
  frameHeaderBytes,
  grainsPerBlock,
  writeContentHeader,
  writeFrame,
  writeStoredHeader,
} from "./frame.ts";

/** All frames of one block: its content at the most, and a header for every second grain. */
export const blockFramesBytesMax = blockBytes + grainsPerBlock * (frameHeaderBytes + 8);

/** Writes frames one behind the other into chunks, which are given away when they are full. */
export class FrameChunks {
  readonly #compressor: BlockCompressor;
  readonly #level: number | undefined;
  /** Taken when there is something to put into it. */
  #taken: Uint8Array | undefined;
  #at = 0;
  #frames = 0;

  /** `level` undefined: nothing is compressed. */
  constructor(compressor: BlockCompressor, level: number | undefined) {
    this.#compressor = compressor;
    this.#level = level;
  }

  get frames(): number {
    return this.#frames;
  }

  /** What was written since the last time. */
  take(): Uint8Array {
    const taken = this.#chunk.subarray(0, this.#at);
    this.#taken = undefined;
    this.#at = 0;
    return taken;
  }

  get #chunk(): Uint8Array {
    this.#taken ??= takeChunkBuffer();
    return this.#taken;
  }

  /**
   * Does `work`, and undoes it, frames and all, unless the bytes that it put are below `bytesMax`.
   * @returns how many it put
   */
  attempt(bytesMax: number, work: () => void): number {
    const before = { at: this.#at, frames: this.#frames };
    work();
    const bytes = this.#at - before.at;
    if (bytes >= bytesMax) {
      this.#at = before.at;
      this.#frames = before.frames;
    }
    return bytes;
  }

  /** Content, compressed where that makes it smaller. */
  putContent(offset: number, content: Uint8Array, hash = blockHash(content)): void {
    const body = this.#chunk.subarray(this.#at + frameHeaderBytes);
    const packed = this.#level === undefined ? 0 : this.#compressor.compress(content, body, this.#level);
    if (packed === 0) body.set(content);
    const storedBytes = packed === 0 ? content.length : packed;
    writeContentHeader(this.#chunk, this.#at, {
      type: packed === 0 ? "raw" : "zstd",
      offset,
      contentBytes: content.length,
      storedBytes,
      hash,
    });
    this.#at += frameHeaderBytes + storedBytes;
    this.#frames++;
  }

  /** Bytes that there is still room for. */
  get room(): number {
    return chunkBytes - this.#at;
  }

  /**
   * Blocks as they are stored; `fill` writes their `bytes`. There must be room for them, and
   * their table and header.
   */
  putStored(offset: number, table: Uint8Array, bytes: number, fill: (into: Uint8Array) => void): void {
    const chunk = this.#chunk;
    const behind = writeStoredHeader(chunk, this.#at, { offset, table, bytes });
    fill(chunk.subarray(behind, behind + bytes));
    this.#at = behind + bytes;
    this.#frames++;
  }

  /** A frame as it is. */
  put(frame: ContentFrame): void {
    this.#at = writeFrame(this.#chunk, this.#at, frame);
    this.#frames++;
  }

  putZeros(offset: number, contentBytes: number): void {
    this.#at = writeFrame(this.#chunk, this.#at, { type: "zero", offset, contentBytes });
    this.#frames++;
  }

  /** The last frame. @returns the digest that it holds */
  putEnd(hashes: Uint8Array): Uint8Array {
    const digest = extentDigest(hashes);
    this.#at = writeFrame(this.#chunk, this.#at, {
      type: "end",
      frames: this.#frames,
      digest,
      hash: blockHash(digest),
    });
    return digest;
  }
}
