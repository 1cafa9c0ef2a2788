import { blockBytes } from "../../../core/extent/geometry.ts";
import { pieceBytes } from "./pieces.ts";

/** A stretch of a piece that has to be written, or made zeros. `offset` is inside the piece. */
export interface ChangedRange {
  readonly kind: "write" | "zero";
  readonly offset: number;
  readonly length: number;
}

const zeros = Buffer.alloc(pieceBytes);

/**
 * What turns `held` into `wanted`, in blocks of 64 KiB with neighbours of one kind together.
 * Without `held`, what turns zeros into it. Both begin at a multiple of 64 KiB of the volume and
 * are `pieceBytes` long at most.
 */
export const changedRanges = (wanted: Uint8Array, held: Uint8Array = zeros): ChangedRange[] => {
  const ranges: ChangedRange[] = [];
  for (let offset = 0; offset < wanted.length; offset += blockBytes) {
    const length = Math.min(blockBytes, wanted.length - offset);
    const block = wanted.subarray(offset, offset + length);
    if (Buffer.compare(block, held.subarray(offset, offset + length)) === 0) continue;
    const kind = Buffer.compare(block, zeros.subarray(0, length)) === 0 ? "zero" : "write";
    const last = ranges.at(-1);
    if (last !== undefined && last.kind === kind && last.offset + last.length === offset) {
      ranges[ranges.length - 1] = { ...last, length: last.length + length };
    } else {
      ranges.push({ kind, offset, length });
    }
  }
  return ranges;
};
