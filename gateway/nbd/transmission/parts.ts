import { pieceBytes } from "../limits.ts";

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** A range in pieces that end at multiples of `pieceBytes`. */
export function* piecesOf({ offset, length }: ByteRange): Generator<ByteRange, void, void> {
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const next = Math.min(end, at - (at % pieceBytes) + pieceBytes);
    yield { offset: at, length: next - at };
    at = next;
  }
}
