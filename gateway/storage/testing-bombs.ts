import { compress } from "zstd-napi";
import { blockBytes } from "../../core/extent/geometry.ts";

const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The last block: one byte that stands for `bytes` of them. */
const runOf = (bytes: number): Buffer => {
  const block = Buffer.alloc(4);
  block.writeUIntLE(1 | (1 << 1) | (bytes << 3), 0, 3);
  return block;
};

/**
 * A zstd frame (RFC 8878, 3.1.1) that declares a window and a content of any size,
 * and holds a run of zeros.
 */
const frameOf = (of: {
  readonly window: number;
  readonly declaredBytes: bigint;
  readonly runBytes: number;
}): Buffer => {
  const sizes = Buffer.alloc(10);
  // Eight bytes of content size, and a window.
  sizes[0] = 0b1100_0000;
  sizes[1] = of.window;
  sizes.writeBigUInt64LE(of.declaredBytes, 2);
  return Buffer.concat([magic, sizes, runOf(of.runBytes)]);
};

const block = BigInt(blockBytes);
/** The exponent, and eighths on top: 2^41 · 15/8. */
const largestWindow = 0xff;

/** What is shorter than a block, and would become more than one, or takes more room than one. */
export const bombs: readonly (readonly [what: string, stored: Uint8Array])[] = [
  ["64 MiB of zeros", compress(Buffer.alloc(64 * 1024 * 1024))],
  ["a content of 2^40 bytes", frameOf({ window: largestWindow, declaredBytes: 2n ** 40n, runBytes: blockBytes })],
  ["a content of 2^63 bytes", frameOf({ window: 0, declaredBytes: 2n ** 63n, runBytes: blockBytes })],
  ["more than it declares", frameOf({ window: largestWindow, declaredBytes: block, runBytes: 2 * blockBytes })],
  ["a second block behind it", Buffer.concat([compress(Buffer.alloc(blockBytes)), compress(Buffer.alloc(blockBytes))])],
];

/** A block of zeros that declares a window of 3.75 TiB. */
export const wideBlock: Uint8Array = frameOf({ window: largestWindow, declaredBytes: block, runBytes: blockBytes });
