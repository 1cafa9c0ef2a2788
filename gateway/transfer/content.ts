import { createHash } from "node:crypto";
import { xxh64 } from "@node-rs/xxhash";
import zstd from "zstd-napi/binding.js";
import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import type { Frame } from "./frame.ts";

/** xxh64 of a block, as a frame and an extent digest use it. */
export const blockHash = (content: Uint8Array): bigint => xxh64(content);

export const zeroBlock = new Uint8Array(blockBytes);
export const zeroBlockHash = blockHash(zeroBlock);

/** SHA-256 over the little-endian xxh64 of the extent's blocks of 64 KiB, in the extent's own order. */
export const extentDigest = (hashes: BigUint64Array): Uint8Array => {
  const bytes = new DataView(new ArrayBuffer(hashes.length * 8));
  hashes.forEach((hash, index) => {
    bytes.setBigUint64(index * 8, hash, true);
  });
  return createHash("sha256").update(bytes).digest();
};

/**
 * Compresses into place. One context a thread is reused; it holds about 10 MB. Synchronous: for worker threads only.
 */
export class BlockCompressor {
  readonly #context = new zstd.CCtx();
  readonly #scratch = new Uint8Array(zstd.compressBound(blockBytes));

  /** Bytes written to `into`, or 0 where compressing saves nothing, and `into` is as it was. */
  compress(content: Uint8Array, into: Uint8Array, level: number): number {
    const bytes = this.#context.compress(this.#scratch, content, level);
    if (bytes >= content.length - minimalGainBytes) return 0;
    into.set(this.#scratch.subarray(0, bytes));
    return bytes;
  }
}
/** Less than that is not worth the work of decompressing. */
const minimalGainBytes = 64;

const damaged = (what: string, cause?: unknown): VisibleError =>
  new VisibleError("CHECKSUM_MISMATCH", `A frame was damaged on its way: ${what}.`, {
    hint: "The extent will be sent again. If it goes on, see whether memory or network of the gateways is faulty.",
    cause,
  });

/** Gets content out of frames. One context a thread is reused. Synchronous: for worker threads only. */
export class BlockDecompressor {
  readonly #context = new zstd.DCtx();
  readonly #content = new Uint8Array(blockBytes);

  /** The frame's content, good until the next call. @throws CHECKSUM_MISMATCH */
  contentOf(frame: Extract<Frame, { type: "raw" | "zstd" }>): Uint8Array {
    const content = frame.type === "raw" ? frame.stored : this.#decompress(frame.stored, frame.contentBytes);
    if (blockHash(content) !== frame.checksum) throw damaged("its checksum is another");
    return content;
  }

  #decompress(stored: Uint8Array, contentBytes: number): Uint8Array {
    const content = this.#content.subarray(0, contentBytes);
    try {
      // What the frame claims is compared before anything is done for it; `content` bounds what it can become.
      if (
        zstd.getFrameContentSize(stored) === contentBytes &&
        this.#context.decompress(content, stored) === contentBytes
      ) {
        return content;
      }
    } catch (error) {
      throw damaged("it is no zstd frame", error);
    }
    throw damaged("its content has another length");
  }
}
