import { closeSync, openSync, readSync } from "node:fs";
import zstd from "zstd-napi/binding.js";
import { tlsThroughput } from "./tls-rate.ts";

/** What the machine can do at most, bytes/s with one thread. */
export interface MachineRates {
  readonly pageCacheRead: number;
  /** Comparing two buffers of 1 MiB that are equal, in the processor's cache. */
  readonly compare: number;
  /** Zstandard at level 1 of blocks of 64 KiB of the image, without the holes. */
  readonly zstd: number;
  /** Mutual TLS 1.3 over loopback as Node does it, between two threads. */
  readonly tls: number;
}

const pieceBytes = 1024 * 1024;
const blockBytes = 64 * 1024;
const zstdBytesMax = 512 * 1024 * 1024;

/** @param file an image of `sizeBytes` that is in the page cache */
export const measureMachine = async (file: string, sizeBytes: number): Promise<MachineRates> => ({
  pageCacheRead: rateOf(file, sizeBytes, () => undefined),
  compare: compareRate(file, sizeBytes),
  zstd: zstdRate(file, Math.min(sizeBytes, zstdBytesMax)),
  tls: await tlsThroughput(sizeBytes),
});

const eachPiece = (file: string, sizeBytes: number, use: (piece: Buffer) => void): void => {
  const fd = openSync(file, "r");
  const buffer = Buffer.alloc(pieceBytes);
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      const bytes = readSync(fd, buffer, 0, pieceBytes, offset);
      if (bytes === 0) return;
      use(buffer.subarray(0, bytes));
      offset += bytes;
    }
  } finally {
    closeSync(fd);
  }
};

const rateOf = (file: string, sizeBytes: number, use: (piece: Buffer) => void): number => {
  const begun = performance.now();
  eachPiece(file, sizeBytes, use);
  return sizeBytes / ((performance.now() - begun) / 1000);
};

const compareRate = (file: string, sizeBytes: number): number => {
  const other = Buffer.alloc(pieceBytes);
  const buffer = Buffer.alloc(pieceBytes);
  let milliseconds = 0;
  eachPiece(file, sizeBytes, (piece) => {
    piece.copy(other);
    piece.copy(buffer);
    const begun = performance.now();
    if (buffer.compare(other) !== 0) throw new Error("a copy differs from what was copied");
    milliseconds += performance.now() - begun;
  });
  return sizeBytes / (milliseconds / 1000);
};

const zstdRate = (file: string, sizeBytes: number): number => {
  const context = new zstd.CCtx();
  const into = new Uint8Array(zstd.compressBound(blockBytes));
  const zeros = Buffer.alloc(blockBytes);
  let [bytes, milliseconds] = [0, 0];
  eachPiece(file, sizeBytes, (piece) => {
    for (let at = 0; at < piece.length; at += blockBytes) {
      const block = piece.subarray(at, at + blockBytes);
      if (zeros.equals(block)) continue;
      const begun = performance.now();
      context.compress(into, block, 1);
      milliseconds += performance.now() - begun;
      bytes += block.length;
    }
  });
  return bytes / (milliseconds / 1000);
};
