import { VisibleError } from "../../core/api/errors.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import { blockAt, blockBytes } from "../../core/extent/geometry.ts";
import { assertExtent, partsOf } from "../../core/extent/striping.ts";
import { blockHash, extentDigest, isSame } from "../storage/block-hash.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { StoredBlocks } from "../storage/stored-blocks.ts";
import type { MirrorExtentWriter } from "../storage/volume-io.ts";
import { BlockCache } from "./diff/block-cache.ts";
import { PartialBlock } from "./diff/partial-block.ts";
import { BlockDecompressor } from "./frame/content.ts";
import type { ContentFrame, Frame } from "./frame/frame.ts";
import { FrameDecoder } from "./frame/frame-decoder.ts";
import type { JobWatch } from "./threads/serve-jobs.ts";

/** One extent of a mirror volume, to be written from frames. */
export interface ApplyJob {
  readonly mirrorVolumeId: string;
  readonly epoch: number;
  readonly extent: number;
  /** What the frames change: the extent as the mirror has it, or nothing but zeros. */
  readonly from: "base" | "zeros";
  readonly sizeBytes: number;
  readonly geometry: Geometry;
}

export interface ApplyResult {
  /** Of what the storage read back, and equal to the sender's. Hexadecimal. */
  readonly digest: string;
  readonly frames: number;
  /** What makes later writings slower. */
  readonly warning?: string | undefined;
}

/**
 * Reads an extent's frames, writes them, reads back, and commits if what was read back is what the
 * sender has.
 * @throws FRAME_INVALID, CHECKSUM_MISMATCH, FENCED, whatever reading `body` throws; nothing was
 *   committed then
 */
export type Apply = (job: ApplyJob, body: AsyncIterable<Uint8Array>, watch: JobWatch) => Promise<ApplyResult>;

/** The receiver's work on one extent. For worker threads; one decompressor for all its jobs. */
export const createApply = (storage: StorageDriver): Apply => {
  const decompressor = new BlockDecompressor();
  return async (job, body, watch) => {
    assertExtent(job.geometry, job.sizeBytes, job.extent);
    let warning: string | undefined;
    const onWarning = (said: string): void => {
      warning = said;
    };
    const writer = await storage.openMirrorExtent({ ...job, onWarning }, watch);
    try {
      const result = await new ExtentApply({ writer, job, decompressor, watch }).run(body);
      watch.signal.throwIfAborted();
      await writer.commit(watch);
      return { ...result, warning };
    } catch (error) {
      await writer.discard();
      throw error;
    }
  };
};

class ExtentApply {
  readonly #writer: MirrorExtentWriter;
  readonly #geometry: Geometry;
  readonly #extent: number;
  readonly #decompressor: BlockDecompressor;
  readonly #watch: JobWatch;
  /** What copies and dictionaries are taken from; undefined where the extent begins as nothing. */
  readonly #base: BlockCache | undefined;
  readonly #partial: PartialBlock;

  constructor(options: {
    readonly writer: MirrorExtentWriter;
    readonly job: ApplyJob;
    readonly decompressor: BlockDecompressor;
    readonly watch: JobWatch;
  }) {
    const { writer, job, decompressor, watch } = options;
    const { extentBytes } = job.geometry;
    this.#writer = writer;
    this.#geometry = job.geometry;
    this.#extent = job.extent;
    this.#decompressor = decompressor;
    this.#watch = watch;
    const read = (offset: number, into: Uint8Array) => writer.readBase(offset, into, watch);
    this.#base = job.from === "zeros" ? undefined : new BlockCache({ extentBytes, unitBytes: blockBytes, read });
    this.#partial = new PartialBlock(this.#base, (offset, content) => this.#writeContent(offset, content));
  }

  async run(body: AsyncIterable<Uint8Array>): Promise<ApplyResult> {
    const decoder = new FrameDecoder(this.#geometry.extentBytes);
    let wanted: Uint8Array = new Uint8Array();
    for await (const chunk of body) {
      for (const frame of decoder.push(chunk)) {
        const turn = this.#watch.step();
        if (turn !== undefined) await turn;
        if (frame.type === "end") wanted = digestOf(frame);
        else await this.#write(frame);
      }
    }
    decoder.finish();
    await this.#partial.flush();
    const digest = extentDigest(await this.#writer.blockHashes(this.#watch));
    if (isSame(digest, wanted)) return { digest: Buffer.from(digest).toString("hex"), frames: decoder.frames };
    throw new VisibleError("CHECKSUM_MISMATCH", "The mirror's extent, read back, is not what the source has.", {
      hint: "The extent will be sent again in full. If it goes on, check the storage of both sites.",
    });
  }

  async #write(frame: Exclude<Frame, { type: "end" }>): Promise<void> {
    if (frame.type === "zero") {
      for (const part of partsOf(this.#geometry, this.#extent, { offset: frame.offset, length: frame.contentBytes })) {
        await this.#writer.zero(part.offset, part.length, this.#watch);
      }
      return;
    }
    if (frame.type === "stored") return this.#takeOver(blockAt(frame.offset), frame.blocks);
    if ((frame.type === "raw" || frame.type === "zstd") && frame.contentBytes === blockBytes) {
      const block = { bytes: frame.stored, hash: frame.hash };
      return this.#takeOver(blockAt(frame.offset), StoredBlocks.of([block]));
    }
    const whole = frame.contentBytes === blockBytes;
    if (!whole) await this.#partial.open(blockAt(frame.offset));
    const base = await this.#baseOf(frame);
    // Until it is written nothing is waited for: the decompressor serves other extents too.
    const content = this.#decompressor.contentOf(frame, base);
    if (whole) await this.#writeContent(frame.offset, content);
    else this.#partial.put(frame.offset, content);
  }

  /** What they are is found out when they are read back. */
  async #takeOver(block: number, stored: StoredBlocks): Promise<void> {
    if (this.#writer.writeStored !== undefined) return this.#writer.writeStored(block, stored, this.#watch);
    let offset = block * blockBytes;
    for (const one of stored.blocks()) {
      await this.#writeContent(offset, this.#decompressor.blockOf(one));
      offset += blockBytes;
    }
  }

  /** To where an extent's bytes lie in the volume. */
  async #writeContent(offset: number, content: Uint8Array): Promise<void> {
    const parts = [...partsOf(this.#geometry, this.#extent, { offset, length: content.length })];
    // The content is only good until something is waited for.
    const own = parts.length > 1 ? content.slice() : content;
    for (const part of parts) {
      const from = part.offsetInExtent - offset;
      await this.#writer.write(part.offset, own.subarray(from, from + part.length), this.#watch);
    }
  }

  /** What a frame needs of what the extent was before. */
  async #baseOf(frame: ContentFrame): Promise<Uint8Array | undefined> {
    if (frame.type !== "copy" && frame.type !== "delta") return undefined;
    if (this.#base === undefined) {
      throw new VisibleError("FRAME_INVALID", "The peer copies from an extent that it said to begin as nothing.");
    }
    return frame.type === "copy"
      ? this.#base.bytes(frame.from, frame.contentBytes)
      : this.#base.bytes(frame.dictionary.from, frame.dictionary.bytes);
  }
}

/** @throws CHECKSUM_MISMATCH */
const digestOf = (frame: Extract<Frame, { type: "end" }>): Uint8Array => {
  if (isSame(blockHash(frame.digest), frame.hash)) return frame.digest.slice();
  throw new VisibleError("CHECKSUM_MISMATCH", "The extent's digest was damaged on its way.");
};
