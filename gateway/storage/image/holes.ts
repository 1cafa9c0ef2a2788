import type { Range } from "./data-ranges.ts";

const sampleBytes = 4096;
/** What is read of a hole: its first and last block, and so many between at most. */
const betweenMax = 14;
/**
 * Of all holes together, but for their first and last blocks, so that a file of a million holes
 * isn't read for hours.
 */
const betweenTotal = 20_000;

/** What lies between the ranges, which are in order, and behind the last. */
export function* holesBetween(ranges: readonly Range[], sizeBytes: number): Generator<Range> {
  let end = 0;
  for (const { offset, length } of [...ranges, { offset: sizeBytes, length: 0 }]) {
    if (offset > end) yield { offset: end, length: offset - end };
    end = offset + length;
  }
}

/**
 * Whether holes that a file system told of read as zeros, by samples of each: some file systems
 * tell of holes that are none.
 * @throws what `read` throws, the signal's reason
 */
export const areZeros = async (
  holes: readonly Range[],
  {
    read,
    signal,
  }: { readonly read: (offset: number, into: Uint8Array) => Promise<void>; readonly signal: AbortSignal },
): Promise<boolean> => {
  const between = Math.min(betweenMax, Math.floor(betweenTotal / holes.length));
  const [sample, zeros] = [Buffer.alloc(sampleBytes), Buffer.alloc(sampleBytes)];
  for (const hole of holes) {
    signal.throwIfAborted();
    const length = Math.min(sampleBytes, hole.length);
    for (let at = 0; at <= between + 1; at++) {
      const offset = hole.offset + Math.floor(((hole.length - length) * at) / (between + 1));
      await read(offset, sample.subarray(0, length));
      if (!sample.subarray(0, length).equals(zeros.subarray(0, length))) return false;
    }
  }
  return true;
};
