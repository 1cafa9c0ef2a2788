import { VisibleError } from "../../core/api/errors.ts";
import { blockBytes } from "../../core/extent/geometry.ts";
import { blockHashBytes } from "../block-hash.ts";

/**
 * The frames that an extent's content travels in. Pure: bytes in, frames out, wherever the stream is split.
 *
 * A header of 32 bytes, little-endian:
 *
 *     0  u32  type: 1 raw, 2 zstd, 3 zero run, 4 end, 5 copy, 6 delta
 *     4  u32  offset in the extent; 0 of an end
 *     8  u32  content bytes; of an end, the number of frames before it
 *     12 u32  stored bytes that follow the header
 *     16 16 × the content's `blockHash`; of an end, that of its stored bytes; zeros of a zero run
 *
 * Raw, zstd, copy and delta frames are about one block of 64 KiB or a part of it, aligned to 4 KiB. Stored is
 *
 * - of raw the content, of zstd a zstd frame of it, of a zero run (whole blocks) nothing;
 * - of a copy, u32: the offset in the extent, as it was before the first frame, where the same content is;
 * - of a delta, u32 and u32: offset and length of the part of the extent, as it was before the first frame, that is the
 *   dictionary (raw content) of the zstd frame behind it;
 * - of an end, the extent's digest; it is the last.
 *
 * Offsets only go up, so no byte is written twice, and a stream is never longer than its extent and its headers.
 */
export const frameHeaderBytes = 32;
/** Parts of a block begin and end at multiples of it. */
export const grainBytes = 4096;
export const grainsPerBlock = blockBytes / grainBytes;
export const digestBytes = 32;
/** A delta's dictionary is a block and what is around it. */
export const dictionaryBytesMax = 128 * 1024;
const copyBytes = 4;
const dictionaryHeaderBytes = 8;
export const frameBytesMax = frameHeaderBytes + dictionaryHeaderBytes + blockBytes;

const types = { raw: 1, zstd: 2, zero: 3, end: 4, copy: 5, delta: 6 } as const;

interface Content {
  readonly offset: number;
  readonly contentBytes: number;
  readonly hash: Uint8Array;
}

/** A part of the extent as it was before the first frame. */
export interface ExtentPart {
  readonly from: number;
  readonly bytes: number;
}

export type ContentFrame =
  | (Content & { readonly type: "raw" | "zstd"; readonly stored: Uint8Array })
  | (Content & { readonly type: "copy"; readonly from: number })
  | (Content & { readonly type: "delta"; readonly dictionary: ExtentPart; readonly stored: Uint8Array });

export type Frame =
  | ContentFrame
  | { readonly type: "zero"; readonly offset: number; readonly contentBytes: number }
  | { readonly type: "end"; readonly frames: number; readonly digest: Uint8Array; readonly hash: Uint8Array };

interface Header {
  readonly type: number;
  readonly offset: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly hash: Uint8Array;
}

const noHash = new Uint8Array(blockHashBytes);

const writeHeader = (into: Uint8Array, at: number, header: Header): void => {
  const view = new DataView(into.buffer, into.byteOffset + at, frameHeaderBytes);
  view.setUint32(0, header.type, true);
  view.setUint32(4, header.offset, true);
  view.setUint32(8, header.contentBytes, true);
  view.setUint32(12, header.storedBytes, true);
  into.set(header.hash, at + 16);
};

const writeWord = (into: Uint8Array, at: number, word: number): void =>
  new DataView(into.buffer, into.byteOffset + at, 4).setUint32(0, word, true);

const readWord = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);

/**
 * Writes the header of a raw or zstd frame at `at` of `into`. The caller puts the stored bytes behind it, which is how a
 * compressor can write to its place at once.
 */
export const writeContentHeader = (
  into: Uint8Array,
  at: number,
  header: Content & { readonly type: "raw" | "zstd"; readonly storedBytes: number },
): void => writeHeader(into, at, { ...header, type: types[header.type] });

/** Writes a whole frame at `at` and gives the place behind it. `into` must have room for it. */
export const writeFrame = (into: Uint8Array, at: number, frame: Frame): number => {
  const body = at + frameHeaderBytes;
  switch (frame.type) {
    case "zero":
      writeHeader(into, at, { ...frame, type: types.zero, storedBytes: 0, hash: noHash });
      return body;
    case "end":
      writeHeader(into, at, {
        type: types.end,
        offset: 0,
        contentBytes: frame.frames,
        storedBytes: digestBytes,
        hash: frame.hash,
      });
      into.set(frame.digest, body);
      return body + digestBytes;
    case "copy":
      writeHeader(into, at, { ...frame, type: types.copy, storedBytes: copyBytes });
      writeWord(into, body, frame.from);
      return body + copyBytes;
    case "delta": {
      const storedBytes = dictionaryHeaderBytes + frame.stored.length;
      writeHeader(into, at, { ...frame, type: types.delta, storedBytes });
      writeWord(into, body, frame.dictionary.from);
      writeWord(into, body + 4, frame.dictionary.bytes);
      into.set(frame.stored, body + dictionaryHeaderBytes);
      return body + storedBytes;
    }
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
      const frame = this.#toFrame(this.#header, piece);
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
      return header;
    }
    const inBlock = (offset % blockBytes) + contentBytes <= blockBytes;
    if (!inBlock || offset % grainBytes !== 0 || contentBytes % grainBytes !== 0) {
      throw invalid("content that is not in one block");
    }
    if (!storedFits(type, contentBytes, storedBytes)) throw invalid(`${contentBytes} bytes stored in ${storedBytes}`);
    return header;
  }

  #toFrame({ type, offset, contentBytes, hash }: Header, stored: Uint8Array): Frame {
    switch (type) {
      case types.zero:
        return { type: "zero", offset, contentBytes };
      case types.end:
        return { type: "end", frames: contentBytes, digest: stored, hash };
      case types.copy:
        return { type: "copy", offset, contentBytes, hash, from: this.#part(readWord(stored, 0), contentBytes).from };
      case types.delta: {
        const dictionary = this.#part(readWord(stored, 0), readWord(stored, 4));
        if (dictionary.bytes > dictionaryBytesMax) throw invalid(`a dictionary of ${dictionary.bytes} bytes`);
        return {
          type: "delta",
          offset,
          contentBytes,
          hash,
          dictionary,
          stored: stored.subarray(dictionaryHeaderBytes),
        };
      }
      default:
        return { type: type === types.raw ? "raw" : "zstd", offset, contentBytes, hash, stored };
    }
  }

  #part(from: number, bytes: number): ExtentPart {
    if (bytes > 0 && from + bytes <= this.#extentBytes) return { from, bytes };
    throw invalid(`a copy of bytes ${from} to ${from + bytes} of an extent of ${this.#extentBytes}`);
  }
}

const storedFits = (type: number, contentBytes: number, storedBytes: number): boolean => {
  switch (type) {
    case types.raw:
      return storedBytes === contentBytes;
    case types.zstd:
      return storedBytes > 0 && storedBytes < contentBytes;
    case types.copy:
      return storedBytes === copyBytes;
    case types.delta:
      return storedBytes > dictionaryHeaderBytes && storedBytes < contentBytes;
    default:
      throw invalid(`type ${type}`);
  }
};

const readHeader = (bytes: Uint8Array): Header => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, frameHeaderBytes);
  return {
    type: view.getUint32(0, true),
    offset: view.getUint32(4, true),
    contentBytes: view.getUint32(8, true),
    storedBytes: view.getUint32(12, true),
    // A copy: the bytes may be overwritten before the frame is whole.
    hash: bytes.slice(16, frameHeaderBytes),
  };
};
