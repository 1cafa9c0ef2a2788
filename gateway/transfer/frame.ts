import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";

/**
 * The frames that an extent's content travels in. Pure: bytes in, frames out, wherever the stream is split.
 *
 * A header of 24 bytes, little-endian:
 *
 *     0  u8   type: 1 raw, 2 zstd, 3 zero run, 4 end
 *     1  3 ×  zero
 *     4  u32  offset in the extent; 0 of an end
 *     8  u32  content bytes; of an end, the number of frames before it
 *     12 u32  stored bytes that follow the header
 *     16 u64  xxh64 of the content; of an end, of its stored bytes; 0 of a zero run
 *
 * Raw and zstd frames hold one block of 64 KiB or a part of it, aligned to 4 KiB. A zero run covers whole blocks.
 * An end holds the extent's digest and is the last. Offsets only go up, so no byte is written twice, and a stream is
 * never longer than its extent and its headers.
 */
export const frameHeaderBytes = 24;
/** Parts of a block begin and end at multiples of it. */
export const grainBytes = 4096;
export const digestBytes = 32;
export const frameBytesMax = frameHeaderBytes + blockBytes;

const types = { raw: 1, zstd: 2, zero: 3, end: 4 } as const;

export type Frame =
  | {
      readonly type: "raw" | "zstd";
      readonly offset: number;
      readonly contentBytes: number;
      readonly stored: Uint8Array;
      readonly checksum: bigint;
    }
  | { readonly type: "zero"; readonly offset: number; readonly contentBytes: number }
  | { readonly type: "end"; readonly frames: number; readonly digest: Uint8Array; readonly checksum: bigint };

interface Header {
  readonly type: number;
  readonly offset: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly checksum: bigint;
}

const writeHeader = (into: Uint8Array, at: number, header: Header): void => {
  const view = new DataView(into.buffer, into.byteOffset + at, frameHeaderBytes);
  view.setUint32(0, header.type, true);
  view.setUint32(4, header.offset, true);
  view.setUint32(8, header.contentBytes, true);
  view.setUint32(12, header.storedBytes, true);
  view.setBigUint64(16, header.checksum, true);
};

/**
 * Writes a frame's header at `at` of `into`. The caller puts the stored bytes behind it, which is how a compressor can
 * write to its place at once.
 */
export const writeContentHeader = (
  into: Uint8Array,
  at: number,
  header: {
    readonly type: "raw" | "zstd";
    readonly offset: number;
    readonly contentBytes: number;
    readonly storedBytes: number;
    readonly checksum: bigint;
  },
): void => writeHeader(into, at, { ...header, type: types[header.type] });

/** Writes a whole frame at `at` and gives the place behind it. `into` must have room for it. */
export const writeFrame = (into: Uint8Array, at: number, frame: Frame): number => {
  const body = at + frameHeaderBytes;
  switch (frame.type) {
    case "zero":
      writeHeader(into, at, { ...frame, type: types.zero, storedBytes: 0, checksum: 0n });
      return body;
    case "end":
      writeHeader(into, at, {
        type: types.end,
        offset: 0,
        contentBytes: frame.frames,
        storedBytes: digestBytes,
        checksum: frame.checksum,
      });
      into.set(frame.digest, body);
      return body + digestBytes;
    default:
      writeContentHeader(into, at, { ...frame, storedBytes: frame.stored.length });
      into.set(frame.stored, body);
      return body + frame.stored.length;
  }
};

const invalid = (what: string): VisibleError =>
  new VisibleError("FRAME_INVALID", `The peer sent a frame that cannot be: ${what}.`, {
    hint: "The extent will be sent again. If it goes on, see that both gateways are of the same version.",
  });

/** Takes a stream apart into frames. Holds back one frame at most, and checks lengths before it makes room for them. */
export class FrameDecoder {
  readonly #extentBytes: number;
  readonly #held = new Uint8Array(frameBytesMax);
  #heldBytes = 0;
  #header: Header | undefined;
  #reached = 0;
  #frames = 0;
  #ended = false;

  constructor(extentBytes: number) {
    this.#extentBytes = extentBytes;
  }

  /**
   * The frames that are whole with this chunk. `stored` of a frame may lie in `chunk` or in the decoder, so it is good
   * until the next frame is asked for.
   * @throws FRAME_INVALID
   */
  *push(chunk: Uint8Array): Generator<Frame, void, void> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#ended) throw invalid("something follows the end");
      const wanted = this.#header === undefined ? frameHeaderBytes : this.#header.storedBytes;
      const missing = wanted - this.#heldBytes;
      const taken = rest.subarray(0, missing);
      rest = rest.subarray(taken.length);
      if (taken.length < missing || this.#heldBytes > 0) {
        this.#held.set(taken, this.#heldBytes);
        this.#heldBytes += taken.length;
      }
      if (taken.length < missing) return;
      const piece = this.#heldBytes > 0 ? this.#held.subarray(0, this.#heldBytes) : taken;
      this.#heldBytes = 0;
      if (this.#header === undefined) {
        this.#header = this.#check(readHeader(piece));
        if (this.#header.storedBytes > 0) continue;
      }
      const frame = toFrame(this.#header, piece);
      this.#header = undefined;
      this.#frames += 1;
      this.#ended = frame.type === "end";
      yield frame;
    }
  }

  /** To be called when the stream is over. @throws FRAME_INVALID when it ended before its end frame */
  finish(): void {
    if (!this.#ended) throw invalid("the extent breaks off before its end");
  }

  #check(header: Header): Header {
    const { type, offset, contentBytes, storedBytes } = header;
    if (type === types.end) {
      if (storedBytes !== digestBytes || offset !== 0) throw invalid("an end of the wrong shape");
      if (contentBytes !== this.#frames) throw invalid(`${contentBytes} frames were sent and ${this.#frames} came`);
      return header;
    }
    if (contentBytes === 0 || offset < this.#reached || offset + contentBytes > this.#extentBytes) {
      throw invalid(`bytes ${offset} to ${offset + contentBytes} of an extent of ${this.#extentBytes}`);
    }
    this.#reached = offset + contentBytes;
    if (type === types.zero) {
      if (storedBytes !== 0 || offset % blockBytes !== 0 || contentBytes % blockBytes !== 0) {
        throw invalid("a run of zeros that is not whole blocks");
      }
    } else if (type === types.raw || type === types.zstd) {
      const inBlock = (offset % blockBytes) + contentBytes <= blockBytes;
      if (!inBlock || offset % grainBytes !== 0 || contentBytes % grainBytes !== 0) {
        throw invalid("content that is not in one block");
      }
      const storedRight = type === types.raw ? storedBytes === contentBytes : storedBytes < contentBytes;
      if (!storedRight || storedBytes === 0) throw invalid(`${contentBytes} bytes stored in ${storedBytes}`);
    } else {
      throw invalid(`type ${type}`);
    }
    return header;
  }
}

const readHeader = (bytes: Uint8Array): Header => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  return {
    // The three bytes behind the type are zero; were they not, the type would be none that there is.
    type: view.getUint32(0, true),
    offset: view.getUint32(4, true),
    contentBytes: view.getUint32(8, true),
    storedBytes: view.getUint32(12, true),
    checksum: view.getBigUint64(16, true),
  };
};

const toFrame = ({ type, offset, contentBytes, checksum }: Header, stored: Uint8Array): Frame => {
  if (type === types.zero) return { type: "zero", offset, contentBytes };
  if (type === types.end) return { type: "end", frames: contentBytes, digest: stored, checksum };
  return { type: type === types.raw ? "raw" : "zstd", offset, contentBytes, stored, checksum };
};
