import { isSame } from "../../storage/block-hash.ts";
import { grainBytes } from "../frame/frame.ts";

export interface DifferingRange {
  readonly offset: number;
  readonly length: number;
}

export const totalBytes = (ranges: readonly DifferingRange[]): number =>
  ranges.reduce((sum, { length }) => sum + length, 0);

/** The ranges of grains of 4 KiB in which two blocks of the same length differ. */
export const differingRanges = (now: Uint8Array, before: Uint8Array): readonly DifferingRange[] =>
  rangesWhere(now.length, (grain) => {
    const [from, to] = [grain * grainBytes, (grain + 1) * grainBytes];
    return !isSame(now.subarray(from, to), before.subarray(from, to));
  });

/** The ranges of grains, counted from 0, that `differs` says yes to, of `length` bytes. */
export const rangesWhere = (length: number, differs: (grain: number) => boolean): readonly DifferingRange[] => {
  const ranges: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < length; offset += grainBytes) {
    if (!differs(offset / grainBytes)) continue;
    const bytes = Math.min(grainBytes, length - offset);
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += bytes;
    else ranges.push({ offset, length: bytes });
  }
  return ranges;
};
