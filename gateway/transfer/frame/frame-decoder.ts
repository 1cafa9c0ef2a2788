import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash, isSame } from "../../storage/block-hash.ts";
import { StoredBlocks, storedEntryBytes } from "../../storage/stored-blocks.ts";
import {
  copyBytes,
  dictionaryBytesMax,
  dictionaryHeaderBytes,
  digestBytes,
  type ExtentPart,
  type Frame,
  type FrameHeader,
  frameHeaderBytes,
  frameTypes,
  grainBytes,
  storedBlocksMax,
} from "./frame.ts";

/** The longest that has to be there as a whole: a delta. Of stored blocks it is one block. */
const heldBytesMax = dictionaryHeaderBytes + blockBytes;

/** Of a frame of stored blocks, what has not come yet. */
interface BlockRange {
  readonly offset: number;
  readonly table: StoredBlocks;
  /** The block that comes next. */
  next: number;
}

const invalid = (what: string): VisibleError =>
  new VisibleError("FRAME_INVALID", `The peer sent a frame that cannot be: ${what}.`, {
    hint: "The extent will be sent again. If it goes on, see that both gateways are of the same version.",
  });

/**
 * Takes a stream apart into frames. Holds back one block at most, and checks lengths before it
 * makes room for them. A frame of stored blocks comes out in as many parts as it takes for that.
 */
export class FrameDecoder {
  readonly #extentBytes: number;
  readonly #held = new Uint8Array(heldBytesMax);
  #heldBytes = 0;
  #header: FrameHeader | undefined;
  #range: BlockRange | undefined;
  #reached = 0;
  #frames = 0;
  #ended = false;

  constructor(extentBytes: number) {
    this.#extentBytes = extentBytes;
  }

  /** How many have come as a whole, or of stored blocks in part. */
  get frames(): number {
    return this.#frames;
  }

  /**
   * The frames that are whole with this chunk. `stored` of a frame, and the `bytes` of
   * stored blocks, may lie in `chunk` or in the decoder, so they are good until the
   * next frame is asked for.
   * @throws FRAME_INVALID, CHECKSUM_MISMATCH of a table of stored blocks
   */
  *push(chunk: Uint8Array): Generator<Frame, void, void> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#ended) throw invalid("something follows the end");
      if (this.#range !== undefined && this.#heldBytes === 0) {
        const blocks = this.#wholeBlocks(this.#range, rest);
        if (blocks.count > 0) {
          rest = rest.subarray(blocks.bytes.length);
          yield this.#partOf(this.#range, blocks);
          continue;
        }
      }
      const missing = this.#wanted() - this.#heldBytes;
      const taken = rest.subarray(0, missing);
      rest = rest.subarray(taken.length);
      if (taken.length < missing || this.#heldBytes > 0) {
        this.#held.set(taken, this.#heldBytes);
        this.#heldBytes += taken.length;
      }
      if (taken.length < missing) return;
      const piece = this.#heldBytes > 0 ? this.#held.subarray(0, this.#heldBytes) : taken;
      this.#heldBytes = 0;
      const frame = this.#take(piece);
      if (frame !== undefined) yield frame;
    }
  }

  /**
   * To be called when the stream is over. @throws FRAME_INVALID when it ended before its end frame
   */
  finish(): void {
    if (!this.#ended) throw invalid("the extent breaks off before its end");
  }

  /** How long what comes next is. */
  #wanted(): number {
    if (this.#range !== undefined) return this.#range.table.storedBytes(this.#range.next);
    if (this.#header === undefined) return frameHeaderBytes;
    return this.#header.type === frameTypes.stored ? tableBytes(this.#header) : this.#header.storedBytes;
  }

  /** What came as a whole: a header, a table, a block, or what is stored of any other frame. */
  #take(piece: Uint8Array): Frame | undefined {
    if (this.#range !== undefined) {
      const { table, next } = this.#range;
      return this.#partOf(this.#range, new StoredBlocks(entriesOf(table, next, next + 1), piece));
    }
    const header = this.#header ?? this.#check(readHeader(piece));
    if (this.#header === undefined && header.storedBytes > 0) {
      this.#header = header;
      return undefined;
    }
    this.#header = undefined;
    this.#frames += 1;
    if (header.type === frameTypes.stored) {
      this.#range = { offset: header.offset, table: checkedTable(header, piece.slice()), next: 0 };
      return undefined;
    }
    this.#ended = header.type === frameTypes.end;
    return this.#toFrame(header, piece);
  }

  /** Those that are there as a whole, none of which is held back. */
  #wholeBlocks({ table, next }: BlockRange, rest: Uint8Array): StoredBlocks {
    let end = next;
    let bytes = 0;
    while (end < table.count && bytes + table.storedBytes(end) <= rest.length) bytes += table.storedBytes(end++);
    return new StoredBlocks(entriesOf(table, next, end), rest.subarray(0, bytes));
  }

  #partOf(range: BlockRange, blocks: StoredBlocks): Frame {
    const offset = range.offset + range.next * blockBytes;
    range.next += blocks.count;
    if (range.next === range.table.count) this.#range = undefined;
    return { type: "stored", offset, contentBytes: blocks.count * blockBytes, blocks };
  }

  #check(header: FrameHeader): FrameHeader {
    const { type, offset, contentBytes, storedBytes } = header;
    if (type === frameTypes.end) {
      if (storedBytes !== digestBytes || offset !== 0) throw invalid("an end of the wrong shape");
      if (contentBytes !== this.#frames) throw invalid(`${contentBytes} frames were sent and ${this.#frames} came`);
      return header;
    }
    if (contentBytes === 0 || offset < this.#reached || offset + contentBytes > this.#extentBytes) {
      throw invalid(`bytes ${offset} to ${offset + contentBytes} of an extent of ${this.#extentBytes}`);
    }
    this.#reached = offset + contentBytes;
    if (type === frameTypes.zero) {
      if (storedBytes !== 0 || offset % blockBytes !== 0 || contentBytes % blockBytes !== 0) {
        throw invalid("a range of zeros that is not whole blocks");
      }
      return header;
    }
    if (type === frameTypes.stored) {
      const count = contentBytes / blockBytes;
      if (offset % blockBytes !== 0 || !Number.isInteger(count) || count > storedBlocksMax) {
        throw invalid(`${contentBytes} bytes at ${offset} as stored blocks`);
      }
      if (storedBytes <= tableBytes(header)) throw invalid("stored blocks without their bytes");
      return header;
    }
    const inBlock = (offset % blockBytes) + contentBytes <= blockBytes;
    if (!inBlock || offset % grainBytes !== 0 || contentBytes % grainBytes !== 0) {
      throw invalid("content that is not in one block");
    }
    if (!storedFits(type, contentBytes, storedBytes)) throw invalid(`${contentBytes} bytes stored in ${storedBytes}`);
    return header;
  }

  #toFrame({ type, offset, contentBytes, hash }: FrameHeader, stored: Uint8Array): Frame {
    switch (type) {
      case frameTypes.zero:
        return { type: "zero", offset, contentBytes };
      case frameTypes.end:
        return { type: "end", frames: contentBytes, digest: stored, hash };
      case frameTypes.copy:
        return { type: "copy", offset, contentBytes, hash, from: this.#part(readWord(stored, 0), contentBytes).from };
      case frameTypes.delta: {
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
        return { type: type === frameTypes.raw ? "raw" : "zstd", offset, contentBytes, hash, stored };
    }
  }

  #part(from: number, bytes: number): ExtentPart {
    if (bytes > 0 && from + bytes <= this.#extentBytes) return { from, bytes };
    throw invalid(`a copy of bytes ${from} to ${from + bytes} of an extent of ${this.#extentBytes}`);
  }
}

const tableBytes = ({ contentBytes }: FrameHeader): number => (contentBytes / blockBytes) * storedEntryBytes;

const entriesOf = ({ table }: StoredBlocks, from: number, to: number): Uint8Array =>
  table.subarray(from * storedEntryBytes, to * storedEntryBytes);

/** @throws CHECKSUM_MISMATCH, FRAME_INVALID */
const checkedTable = ({ hash, storedBytes }: FrameHeader, bytes: Uint8Array): StoredBlocks => {
  if (!isSame(blockHash(bytes), hash)) {
    throw new VisibleError("CHECKSUM_MISMATCH", "A table of stored blocks was damaged on its way.", {
      hint: "The extent will be sent again. If it goes on, see whether memory or network of the gateways is faulty.",
    });
  }
  const table = new StoredBlocks(bytes, new Uint8Array());
  let total = bytes.length;
  for (let block = 0; block < table.count; block++) {
    const length = table.storedBytes(block);
    if (length === 0 || length > blockBytes) throw invalid(`a block stored in ${length} bytes`);
    total += length;
  }
  if (total !== storedBytes) throw invalid(`stored blocks of ${total} bytes in ${storedBytes}`);
  return table;
};

const storedFits = (type: number, contentBytes: number, storedBytes: number): boolean => {
  switch (type) {
    case frameTypes.raw:
      return storedBytes === contentBytes;
    case frameTypes.zstd:
      return storedBytes > 0 && storedBytes < contentBytes;
    case frameTypes.copy:
      return storedBytes === copyBytes;
    case frameTypes.delta:
      return storedBytes > dictionaryHeaderBytes && storedBytes < contentBytes;
    default:
      throw invalid(`type ${type}`);
  }
};

const readHeader = (bytes: Uint8Array): FrameHeader => {
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

const readWord = (bytes: Uint8Array, at: number): number =>
  new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
