import { grainBytes } from "./frame.ts";

export interface DifferingRange {
  readonly offset: number;
  readonly length: number;
}

/** memcmp, which is faster than any hash. */
export const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The runs of grains of 4 KiB in which two blocks of the same length differ. */
export const differingRanges = (now: Uint8Array, before: Uint8Array): readonly DifferingRange[] => {
  const runs: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < now.length; offset += grainBytes) {
    const end = Math.min(offset + grainBytes, now.length);
    if (isSame(now.subarray(offset, end), before.subarray(offset, end))) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += end - offset;
    else runs.push({ offset, length: end - offset });
  }
  return runs;
};
