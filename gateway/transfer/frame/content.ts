import zstd from "zstd-napi/binding.js";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash, isSame } from "../../storage/block-hash.ts";
import type { StoredBlock } from "../../storage/stored-blocks.ts";
import type { ContentFrame } from "./frame.ts";

/** Less than that is not worth the work of decompressing. */
const minimalGainBytes = 64;

/**
 * Compresses blocks, and blocks by what they were before. The context, of some MB, is reused: one a
 * thread. Synchronous: for worker threads only.
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

  /**
   * The zstd frame of `content` with `dictionary` as raw content, as `zstd --patch-from` makes it.
   * Good until the next call.
   */
  compressDelta(content: Uint8Array, dictionary: Uint8Array, level: number): Uint8Array {
    return this.#scratch.subarray(0, this.#context.compressUsingDict(this.#scratch, content, dictionary, level));
  }
}

/**
 * Gets content out of frames. The context is reused: one a thread. Synchronous: for
 * worker threads only.
 */
export class BlockDecompressor {
  readonly #context = new zstd.DCtx();
  readonly #content = new Uint8Array(blockBytes);

  /**
   * The frame's content, good until the next call.
   * @param base the frame's dictionary, or what a copy copies
   * @throws CHECKSUM_MISMATCH
   */
  contentOf(frame: ContentFrame, base: Uint8Array | undefined): Uint8Array {
    const content = this.#unverified(frame, base);
    if (isSame(blockHash(content), frame.hash)) return content;
    throw damaged("its checksum is another");
  }

  /** The content of a whole block, good until the next call. @throws CHECKSUM_MISMATCH */
  blockOf({ bytes, hash }: StoredBlock): Uint8Array {
    const type = bytes.length === blockBytes ? "raw" : "zstd";
    return this.contentOf({ type, offset: 0, contentBytes: blockBytes, hash, stored: bytes }, undefined);
  }

  #unverified(frame: ContentFrame, base: Uint8Array = new Uint8Array()): Uint8Array {
    switch (frame.type) {
      case "raw":
        return frame.stored;
      case "copy":
        return base;
      case "zstd":
        return this.#decompress(frame, (into) => this.#context.decompress(into, frame.stored));
      case "delta":
        return this.#decompress(frame, (into) => this.#context.decompressUsingDict(into, frame.stored, base));
    }
  }

  #decompress(
    { stored, contentBytes }: { readonly stored: Uint8Array; readonly contentBytes: number },
    decompress: (into: Uint8Array) => number,
  ): Uint8Array {
    const content = this.#content.subarray(0, contentBytes);
    try {
      // What the frame claims is compared before anything is done for it; `content`
      // bounds what it can become.
      if (zstd.getFrameContentSize(stored) === contentBytes && decompress(content) === contentBytes) return content;
    } catch (error) {
      throw damaged("it is no zstd frame", error);
    }
    throw damaged("its content has another length");
  }
}

const damaged = (what: string, cause?: unknown): VisibleError =>
  new VisibleError("CHECKSUM_MISMATCH", `A frame was damaged on its way: ${what}.`, {
    hint: "The extent will be sent again. If it goes on, see whether memory or network of the gateways is faulty.",
    cause,
  });
