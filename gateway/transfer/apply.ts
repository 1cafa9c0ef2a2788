import { VisibleError } from "../../core/api/errors.ts";
import type { Geometry } from "../../core/api/object.ts";
import { type ExtentRange, extentRanges } from "../../core/extent/striping.ts";
import type { MirrorExtentWriter, StorageDriver } from "../storage/driver.ts";
import { BlockDecompressor, blockHash, extentDigest } from "./content.ts";
import { type Frame, FrameDecoder } from "./frame.ts";

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
}

/**
 * Reads an extent's frames, writes them, reads back, and commits if what was read back is what the sender has.
 * @throws FRAME_INVALID, CHECKSUM_MISMATCH, FENCED, whatever reading `body` throws; nothing was committed then
 */
export type Apply = (job: ApplyJob, body: AsyncIterable<Uint8Array>, signal: AbortSignal) => Promise<ApplyResult>;

/** The receiver's work on one extent. For worker threads. */
export const createApply =
  (storage: StorageDriver): Apply =>
  async (job, body, signal) => {
    const ranges = extentRanges(job.geometry, job.sizeBytes, job.extent);
    const writer = await storage.openMirrorExtent(job);
    try {
      if (job.from === "zeros") for (const { offset, length } of ranges) await writer.zero(offset, length);
      const result = await writeFrames({ writer, ranges, extentBytes: job.geometry.extentBytes }, body, signal);
      signal.throwIfAborted();
      await writer.commit();
      return result;
    } catch (error) {
      await writer.discard();
      throw error;
    }
  };

interface Destination {
  readonly writer: MirrorExtentWriter;
  readonly ranges: readonly ExtentRange[];
  readonly extentBytes: number;
}

const writeFrames = async (
  destination: Destination,
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<ApplyResult> => {
  const decoder = new FrameDecoder(destination.extentBytes);
  const decompressor = new BlockDecompressor();
  let wanted = "";
  let frames = 0;
  for await (const chunk of body) {
    for (const frame of decoder.push(chunk)) {
      signal.throwIfAborted();
      if (frame.type === "end") wanted = digestOf(frame);
      else await writeFrame(destination, frame, decompressor);
      frames++;
    }
  }
  decoder.finish();
  const digest = Buffer.from(extentDigest(await destination.writer.blockHashes())).toString("hex");
  if (digest === wanted) return { digest, frames };
  throw new VisibleError("CHECKSUM_MISMATCH", "The mirror's extent, read back, is not what the source has.", {
    hint: "The extent will be sent again in full. If it goes on, check the target's storage.",
  });
};

const digestOf = (frame: Extract<Frame, { type: "end" }>): string => {
  if (blockHash(frame.digest) !== frame.checksum) {
    throw new VisibleError("CHECKSUM_MISMATCH", "The extent's digest was damaged on its way.");
  }
  return Buffer.from(frame.digest).toString("hex");
};

const writeFrame = async (
  { writer, ranges }: Destination,
  frame: Exclude<Frame, { type: "end" }>,
  decompressor: BlockDecompressor,
): Promise<void> => {
  if (frame.type !== "zero") {
    const content = decompressor.contentOf(frame);
    for (const part of partsOf(ranges, frame.offset, content.length)) {
      const from = part.offsetInExtent - frame.offset;
      await writer.write(part.offset, content.subarray(from, from + part.length));
    }
    return;
  }
  for (const part of partsOf(ranges, frame.offset, frame.contentBytes)) await writer.zero(part.offset, part.length);
};

/** The ranges of the volume that bytes of the extent lie in. A block lies in one, because stripes are whole blocks. */
function* partsOf(ranges: readonly ExtentRange[], offset: number, length: number): Generator<ExtentRange, void, void> {
  // All ranges of an extent are equally long.
  const rangeBytes = ranges[0]?.length ?? length;
  const end = offset + length;
  for (const range of ranges.slice(Math.floor(offset / rangeBytes), Math.ceil(end / rangeBytes))) {
    const from = Math.max(offset, range.offsetInExtent);
    const to = Math.min(end, range.offsetInExtent + range.length);
    yield { offset: range.offset + (from - range.offsetInExtent), length: to - from, offsetInExtent: from };
  }
}
