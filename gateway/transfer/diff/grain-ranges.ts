import { grainBytes } from "../frame/frame.ts";
import type { DifferingRange } from "./differences.ts";

/**
 * Grains of a block in a row, of which all are to be copied from a place and
 * those behind it, or none.
 */
export interface GrainRange {
  /** In the block. */
  readonly offset: number;
  readonly length: number;
  /** In the extent; undefined: nobody knows a place. */
  readonly from: number | undefined;
}

/**
 * Cuts ranges of a block into pieces by what `find` says of each grain: where the
 * target has it, if it does.
 */
export const grainRangesOf = async (
  ranges: readonly DifferingRange[],
  find: (offset: number) => Promise<number | undefined>,
): Promise<readonly GrainRange[]> => {
  const pieces: { offset: number; length: number; from: number | undefined }[] = [];
  for (const { offset, length } of ranges) {
    for (let at = offset; at < offset + length; at += grainBytes) {
      const from = await find(at);
      const last = pieces.at(-1);
      if (last !== undefined && follows(last, at, from)) last.length += grainBytes;
      else pieces.push({ offset: at, length: grainBytes, from });
    }
  }
  return pieces;
};

const follows = (piece: GrainRange, offset: number, from: number | undefined): boolean =>
  piece.offset + piece.length === offset &&
  (piece.from === undefined ? from === undefined : from === piece.from + piece.length);
