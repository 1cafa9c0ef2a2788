import { type BlockCompressor, blockHash, extentDigest } from "./content.ts";
import { frameBytesMax, frameHeaderBytes, writeContentHeader, writeFrame } from "./frame.ts";

/** Frames leave in chunks of at most so many bytes. */
export const chunkBytes = 256 * 1024;

/** Writes frames one behind the other into chunks, which are given away when they are full. */
export class FrameChunks {
  readonly #compressor: BlockCompressor;
  readonly #level: number | undefined;
  #chunk = newChunk();
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

  /** Whether the chunk has to be taken before the next frame is put. */
  get full(): boolean {
    return this.#at + frameBytesMax > this.#chunk.length;
  }

  /** What was written since the last time. */
  take(): Uint8Array {
    const taken = this.#chunk.subarray(0, this.#at);
    this.#chunk = newChunk();
    this.#at = 0;
    return taken;
  }

  putContent(offset: number, content: Uint8Array, checksum = blockHash(content)): void {
    const body = this.#chunk.subarray(this.#at + frameHeaderBytes);
    const packed = this.#level === undefined ? 0 : this.#compressor.compress(content, body, this.#level);
    if (packed === 0) body.set(content);
    const storedBytes = packed === 0 ? content.length : packed;
    writeContentHeader(this.#chunk, this.#at, {
      type: packed === 0 ? "raw" : "zstd",
      offset,
      contentBytes: content.length,
      storedBytes,
      checksum,
    });
    this.#at += frameHeaderBytes + storedBytes;
    this.#frames++;
  }

  putZeros(offset: number, contentBytes: number): void {
    this.#at = writeFrame(this.#chunk, this.#at, { type: "zero", offset, contentBytes });
    this.#frames++;
  }

  /** The last frame. @returns the digest that it holds */
  putEnd(hashes: BigUint64Array): Uint8Array {
    const digest = extentDigest(hashes);
    this.#at = writeFrame(this.#chunk, this.#at, {
      type: "end",
      frames: this.#frames,
      digest,
      checksum: blockHash(digest),
    });
    return digest;
  }
}

/** A buffer of its own, so that it can be handed to another thread without a copy. */
const newChunk = (): Uint8Array => Buffer.allocUnsafeSlow(chunkBytes);
