import { isSame } from "../storage/block-hash.ts";
import { grainBytes } from "./frame.ts";

export interface DifferingRange {
  readonly offset: number;
  readonly length: number;
}

export const totalBytes = (ranges: readonly DifferingRange[]): number =>
  ranges.reduce((sum, { length }) => sum + length, 0);

/** The runs of grains of 4 KiB in which two blocks of the same length differ. */
export const differingRanges = (now: Uint8Array, before: Uint8Array): readonly DifferingRange[] =>
  rangesWhere(now.length, (grain) => {
    const [from, to] = [grain * grainBytes, (grain + 1) * grainBytes];
    return !isSame(now.subarray(from, to), before.subarray(from, to));
  });

/** The runs of grains, counted from 0, that `differs` says yes to, of `length` bytes. */
export const rangesWhere = (length: number, differs: (grain: number) => boolean): readonly DifferingRange[] => {
  const runs: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < length; offset += grainBytes) {
    if (!differs(offset / grainBytes)) continue;
    const bytes = Math.min(grainBytes, length - offset);
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += bytes;
    else runs.push({ offset, length: bytes });
  }
  return runs;
};
