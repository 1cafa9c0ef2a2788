import type { Range } from "./data-ranges.ts";

/** How much is read at once. Two pieces are in memory, whatever the size of an image. */
export const pieceBytes = 1024 * 1024;

/** A part of an image: `pieceBytes` long, but for the last. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
  /** Nothing but zeros is in it. */
  readonly isHole: boolean;
}

/**
 * All of `sizeBytes` in pieces; those that touch none of the ranges, which are in order, are holes.
 */
export function* piecesOf(
  sizeBytes: number,
  data: readonly Range[] = [{ offset: 0, length: sizeBytes }],
): Generator<Piece> {
  let at = 0;
  for (let offset = 0; offset < sizeBytes; offset += pieceBytes) {
    const length = Math.min(pieceBytes, sizeBytes - offset);
    let range = data[at];
    while (range !== undefined && range.offset + range.length <= offset) range = data[++at];
    yield { offset, length, isHole: range === undefined || range.offset >= offset + length };
  }
}

/** `piecesOf` without the holes. */
export function* dataPiecesOf(sizeBytes: number, data: readonly Range[]): Generator<Piece> {
  for (const piece of piecesOf(sizeBytes, data)) if (!piece.isHole) yield piece;
}
