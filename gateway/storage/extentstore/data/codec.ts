import assert from "node:assert/strict";
import zstd from "zstd-napi/binding.js";
import { blockBytes } from "../../../../core/extent/geometry.ts";
import { blockHash, isSame } from "../../block-hash.ts";

/** Of zstd, for blocks that come uncompressed. */
export const compressionLevel = 1;

// A worker thread has its own copy of this module, so the contexts are one a thread.
const compressor = new zstd.CCtx();
compressor.setParameter(zstd.CParameter.compressionLevel, compressionLevel);
const decompressor = new zstd.DCtx();

/** The most room that `compressBlock` asks for. */
export const compressedBytesMax = zstd.compressBound(blockBytes);

/**
 * Writes a block compressed into `into`, or as it is where that isn't smaller.
 * @returns the bytes stored; `blockBytes` means as it is
 */
export const compressBlock = (block: Uint8Array, into: Uint8Array): number => {
  assert.equal(block.byteLength, blockBytes);
  const compressedBytes = compressor.compress2(into, block);
  if (compressedBytes < blockBytes) return compressedBytes;
  into.set(block);
  return blockBytes;
};

/**
 * The block that `compressBlock` stored. Bounded by `into`: a frame that claims more than a
 * block is refused by zstd.
 * @returns whether `into` holds the content that `hash` names
 */
export const restoreBlock = (stored: Uint8Array, hash: Uint8Array, into: Uint8Array): boolean =>
  unpackBlock(stored, into) && isSame(blockHash(into), hash);

/** Whether what is stored is the content that `hash` names. `scratch` has room for a block. */
export const isBlock = (stored: Uint8Array, hash: Uint8Array, scratch: Uint8Array): boolean =>
  stored.byteLength === blockBytes ? isSame(blockHash(stored), hash) : restoreBlock(stored, hash, scratch);

/**
 * `restoreBlock` that takes any content for the right one.
 * @returns whether what is stored is a block at all
 */
export const unpackBlock = (stored: Uint8Array, into: Uint8Array): boolean => {
  assert.equal(into.byteLength, blockBytes);
  if (stored.byteLength === blockBytes) {
    into.set(stored);
    return true;
  }
  try {
    return decompressor.decompress(into, stored) === blockBytes;
  } catch {
    // The binding has no error codes: whatever it dislikes about the frame, the
    // stored bytes are wrong.
    return false;
  }
};
