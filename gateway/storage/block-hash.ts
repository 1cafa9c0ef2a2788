import { blake3 } from "@napi-rs/blake-hash";
import { blockBytes } from "../../core/extent/geometry.ts";

/** Bytes of a `blockHash`. */
export const blockHashBytes = 16;

/**
 * The first 16 bytes of BLAKE3: what a block of 64 KiB, or a part of one, is known by on disk and
 * on the wire. Strong enough to call contents equal that were never side by side.
 */
export const blockHash = (content: Uint8Array): Uint8Array => blake3(asBuffer(content)).subarray(0, blockHashBytes);

/** The same bytes as a Buffer: the only kind of array that some take. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const zeroBlock: Uint8Array = new Uint8Array(blockBytes);
export const zeroBlockHash: Uint8Array = Uint8Array.from(blockHash(zeroBlock));

export const isZeroBlock = (block: Uint8Array): boolean => isSame(zeroBlock, block);

/** memcmp, which is faster than any hash. */
export const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/**
 * The hashes of an extent's blocks, one behind the other in the extent's own order, all of them
 * zeros for now.
 */
export const zeroHashes = (blockCount: number): Uint8Array => {
  const hashes = Buffer.allocUnsafeSlow(blockCount * blockHashBytes);
  for (let block = 0; block < blockCount; block++) hashes.set(zeroBlockHash, block * blockHashBytes);
  return hashes;
};

/** The hash of one block out of an extent's. A view. */
export const hashAt = (hashes: Uint8Array, block: number): Uint8Array =>
  hashes.subarray(block * blockHashBytes, (block + 1) * blockHashBytes);

export const extentDigestBytes = 32;

/**
 * What an extent is known by: BLAKE3 over the hashes of its blocks of 64 KiB, in its
 * own order. 32 bytes.
 */
export const extentDigest = (hashes: Uint8Array): Uint8Array => blake3(asBuffer(hashes));
