import { blake3 } from "@napi-rs/blake-hash";
import { blocksUp } from "./device.ts";
import { pack, unpack } from "./packing.ts";

const magic = 0x724c5853;
const headerBytes = 64;
const chainOffset = 32;

/** How far into the log somebody is: the last record's number, and the checksum of all so far. */
export interface LogPosition {
  readonly sequence: number;
  readonly chain: string;
}

/**
 * A record on the device, of whole blocks. Its checksum is over those of all records before it, so
 * that none can be left out, or stand in the place of another.
 */
export const encodeRecord = (after: LogPosition, payload: Uint8Array): { bytes: Uint8Array; position: LogPosition } => {
  const stored = pack(payload);
  const bytes = Buffer.alloc(blocksUp(headerBytes + stored.length));
  const sequence = after.sequence + 1;
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(stored.length, 4);
  bytes.writeUInt32LE(payload.length, 8);
  bytes.writeBigUInt64LE(BigInt(sequence), 16);
  bytes.set(stored, headerBytes);
  const chain = chainOf(after, bytes, stored);
  bytes.set(chain, chainOffset);
  return { bytes, position: { sequence, chain: chain.toString("hex") } };
};

export interface FoundRecord {
  readonly payload: Uint8Array;
  readonly position: LogPosition;
  /** Of the device, whole blocks. */
  readonly bytes: number;
}

/** The record at the beginning of `bytes`; undefined where there is none that follows `after`. */
export const decodeRecord = (after: LogPosition, from: Uint8Array): FoundRecord | undefined => {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  const sequence = after.sequence + 1;
  if (bytes.length < headerBytes || bytes.readUInt32LE(0) !== magic) return undefined;
  if (bytes.readBigUInt64LE(16) !== BigInt(sequence)) return undefined;
  const storedEnd = headerBytes + bytes.readUInt32LE(4);
  if (storedEnd > bytes.length) return undefined;
  const stored = bytes.subarray(headerBytes, storedEnd);
  const chain = chainOf(after, bytes, stored);
  if (!chain.equals(bytes.subarray(chainOffset, headerBytes))) return undefined;
  const payload = unpack(stored, bytes.readUInt32LE(8));
  if (payload === undefined) return undefined;
  return { payload, position: { sequence, chain: chain.toString("hex") }, bytes: blocksUp(storedEnd) };
};

/** How many bytes the record is long that begins with this block, as it says itself. */
export const toldBytes = (block: Uint8Array): number =>
  blocksUp(headerBytes + Buffer.from(block.buffer, block.byteOffset, block.byteLength).readUInt32LE(4));

const chainOf = (after: LogPosition, header: Buffer, stored: Uint8Array): Buffer =>
  blake3(Buffer.concat([Buffer.from(after.chain, "hex"), header.subarray(0, chainOffset), stored]));
