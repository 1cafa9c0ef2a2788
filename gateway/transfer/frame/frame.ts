import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash, blockHashBytes } from "../../storage/block-hash.ts";
import { type StoredBlocks, storedEntryBytes } from "../../storage/stored-blocks.ts";

/**
 * The frames that an extent's content travels in. Pure: bytes in, frames out, wherever
 * the stream is split.
 *
 * A header of 32 bytes, little-endian:
 *
 *     0  u32  type: 1 raw, 2 zstd, 3 zero run, 4 end, 5 copy, 6 delta, 7 stored blocks
 *     4  u32  offset in the extent; 0 of an end
 *     8  u32  content bytes; of an end, the number of frames before it
 *     12 u32  stored bytes that follow the header
 *     16 16 × the content's `blockHash`; of an end, that of its stored bytes; of stored blocks,
 *             that of their table; of a zero run, zeros
 *
 * Raw, zstd, copy and delta frames are about one block of 64 KiB or a part of it,
 * aligned to 4 KiB. Stored is
 *
 * - of raw the content, of zstd a zstd frame of it, of a zero run (whole blocks) nothing;
 * - of a copy, u32: the offset in the extent, as it was before the first frame, where
 *   the same content is;
 * - of a delta, u32 and u32: offset and length of the part of the extent, as it was before the
 *   first frame, that is the dictionary (raw content) of the zstd frame behind it;
 * - of stored blocks, their table and then their bytes, as StoredBlocks (storage/stored-blocks.ts)
 *   has them: whole blocks that follow each other, up to 256 of them;
 * - of an end, the extent's digest; it is the last.
 *
 * Offsets only go up, so no byte is written twice, and a stream is never longer than its
 * extent and its headers.
 */
export const frameHeaderBytes = 32;
/** Parts of a block begin and end at multiples of it. */
export const grainBytes = 4096;
export const grainsPerBlock = blockBytes / grainBytes;
export const digestBytes = 32;
/** A delta's dictionary is a block and what is around it. */
export const dictionaryBytesMax = 128 * 1024;
export const copyBytes = 4;
export const dictionaryHeaderBytes = 8;

/** Blocks that one frame of stored blocks is about at the most. */
export const storedBlocksMax = 256;

export const frameTypes = { raw: 1, zstd: 2, zero: 3, end: 4, copy: 5, delta: 6, stored: 7 } as const;

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
  | { readonly type: "stored"; readonly offset: number; readonly contentBytes: number; readonly blocks: StoredBlocks }
  | { readonly type: "zero"; readonly offset: number; readonly contentBytes: number }
  | { readonly type: "end"; readonly frames: number; readonly digest: Uint8Array; readonly hash: Uint8Array };

export interface FrameHeader {
  readonly type: number;
  readonly offset: number;
  readonly contentBytes: number;
  readonly storedBytes: number;
  readonly hash: Uint8Array;
}

const noHash = new Uint8Array(blockHashBytes);

const writeHeader = (into: Uint8Array, at: number, header: FrameHeader): void => {
  const view = new DataView(into.buffer, into.byteOffset + at, frameHeaderBytes);
  view.setUint32(0, header.type, true);
  view.setUint32(4, header.offset, true);
  view.setUint32(8, header.contentBytes, true);
  view.setUint32(12, header.storedBytes, true);
  into.set(header.hash, at + 16);
};

const writeWord = (into: Uint8Array, at: number, word: number): void =>
  new DataView(into.buffer, into.byteOffset + at, 4).setUint32(0, word, true);

/**
 * Writes the header and the table of stored blocks at `at`, and gives the place behind them, which
 * is where the caller puts their bytes.
 */
export const writeStoredHeader = (
  into: Uint8Array,
  at: number,
  { offset, table, bytes }: { readonly offset: number; readonly table: Uint8Array; readonly bytes: number },
): number => {
  const contentBytes = (table.length / storedEntryBytes) * blockBytes;
  const storedBytes = table.length + bytes;
  writeHeader(into, at, { type: frameTypes.stored, offset, contentBytes, storedBytes, hash: blockHash(table) });
  into.set(table, at + frameHeaderBytes);
  return at + frameHeaderBytes + table.length;
};

/**
 * Writes the header of a raw or zstd frame at `at` of `into`. The caller puts the stored bytes
 * behind it, which is how a compressor can write to its place at once.
 */
export const writeContentHeader = (
  into: Uint8Array,
  at: number,
  header: Content & { readonly type: "raw" | "zstd"; readonly storedBytes: number },
): void => writeHeader(into, at, { ...header, type: frameTypes[header.type] });

/** Writes a whole frame at `at` and gives the place behind it. `into` must have room for it. */
export const writeFrame = (into: Uint8Array, at: number, frame: Frame): number => {
  const body = at + frameHeaderBytes;
  switch (frame.type) {
    case "zero":
      writeHeader(into, at, { ...frame, type: frameTypes.zero, storedBytes: 0, hash: noHash });
      return body;
    case "end":
      writeHeader(into, at, {
        type: frameTypes.end,
        offset: 0,
        contentBytes: frame.frames,
        storedBytes: digestBytes,
        hash: frame.hash,
      });
      into.set(frame.digest, body);
      return body + digestBytes;
    case "copy":
      writeHeader(into, at, { ...frame, type: frameTypes.copy, storedBytes: copyBytes });
      writeWord(into, body, frame.from);
      return body + copyBytes;
    case "delta": {
      const storedBytes = dictionaryHeaderBytes + frame.stored.length;
      writeHeader(into, at, { ...frame, type: frameTypes.delta, storedBytes });
      writeWord(into, body, frame.dictionary.from);
      writeWord(into, body + 4, frame.dictionary.bytes);
      into.set(frame.stored, body + dictionaryHeaderBytes);
      return body + storedBytes;
    }
    case "stored": {
      const { offset, blocks } = frame;
      const behind = writeStoredHeader(into, at, { offset, table: blocks.table, bytes: blocks.bytes.length });
      into.set(blocks.bytes, behind);
      return behind + blocks.bytes.length;
    }
    default:
      writeContentHeader(into, at, { ...frame, storedBytes: frame.stored.length });
      into.set(frame.stored, body);
      return body + frame.stored.length;
  }
};
