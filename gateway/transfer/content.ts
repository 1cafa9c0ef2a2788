import zstd from "zstd-napi/binding.js";
import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { blockHash, isSame } from "../block-hash.ts";
import type { ContentFrame } from "./frame.ts";

/** So that all of a dictionary of 128 KiB is looked at, and not just its end. */
const deltaHashLog = 14;
const deltaWindowLog = 18;
/** Less than that is not worth the work of decompressing. */
const minimalGainBytes = 64;

/**
 * Compresses blocks, and blocks by what they were before. The contexts, of 10 MB or so, are reused: one a thread.
 * Synchronous: for worker threads only.
 */
export class BlockCompressor {
  readonly #plain = new zstd.CCtx();
  readonly #delta = new zstd.CCtx();
  readonly #scratch = new Uint8Array(zstd.compressBound(blockBytes));
  readonly #deltaScratch = new Uint8Array(zstd.compressBound(blockBytes));
  #deltaLevel: number | undefined;

  constructor() {
    this.#delta.setParameter(zstd.CParameter.hashLog, deltaHashLog);
    this.#delta.setParameter(zstd.CParameter.windowLog, deltaWindowLog);
  }

  /** Bytes written to `into`, or 0 where compressing saves nothing, and `into` is as it was. */
  compress(content: Uint8Array, into: Uint8Array, level: number): number {
    const bytes = this.#plain.compress(this.#scratch, content, level);
    if (bytes >= content.length - minimalGainBytes) return 0;
    into.set(this.#scratch.subarray(0, bytes));
    return bytes;
  }

  /**
   * The zstd frame of `content` with `dictionary` as raw content, as `zstd --patch-from` makes it. Good until this is called again.
   */
  compressDelta(content: Uint8Array, dictionary: Uint8Array, level: number): Uint8Array {
    if (this.#deltaLevel !== level) this.#delta.setParameter(zstd.CParameter.compressionLevel, level);
    this.#deltaLevel = level;
    this.#delta.loadDictionary(dictionary);
    return this.#deltaScratch.subarray(0, this.#delta.compress2(this.#deltaScratch, content));
  }
}

/** Gets content out of frames. The contexts are reused: one a thread. Synchronous: for worker threads only. */
export class BlockDecompressor {
  readonly #plain = new zstd.DCtx();
  readonly #delta = new zstd.DCtx();
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

  #unverified(frame: ContentFrame, base: Uint8Array = new Uint8Array()): Uint8Array {
    switch (frame.type) {
      case "raw":
        return frame.stored;
      case "copy":
        return base;
      case "zstd":
        return this.#decompress(this.#plain, frame);
      case "delta":
        this.#delta.loadDictionary(base);
        return this.#decompress(this.#delta, frame);
    }
  }

  #decompress(
    context: zstd.DCtx,
    { stored, contentBytes }: { readonly stored: Uint8Array; readonly contentBytes: number },
  ): Uint8Array {
    const content = this.#content.subarray(0, contentBytes);
    try {
      // What the frame claims is compared before anything is done for it; `content` bounds what it can become.
      if (zstd.getFrameContentSize(stored) === contentBytes && context.decompress(content, stored) === contentBytes) {
        return content;
      }
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
