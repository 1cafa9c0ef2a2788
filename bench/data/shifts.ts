import { pageBytes } from "./changes.ts";
import type { Random } from "./random.ts";
import type { Region } from "./regions.ts";

/** Of an extent, so much moves because something was inserted before it. */
const movedShare = 0.34;
const swapsPerExtent = 2;
const insertedPairs = { min: 100, max: 450 };

/** What moves inside one extent; offsets are in the volume. */
export interface Shift {
  /**
   * Bytes are inserted at `offset`, an odd number; `length` bytes from there on move back, and the
   * last ones are dropped.
   */
  readonly moved: Region;
  readonly inserted: Uint8Array;
  /** Two ranges that change places. */
  readonly swaps: readonly { readonly a: number; readonly b: number; readonly length: number }[];
}

const aligned = (bytes: number) => Math.ceil(bytes / pageBytes) * pageBytes;

/**
 * What moves in an extent: an insertion near its first data, and behind what that moves, regions of
 * 1/256 to 1/32 of the extent (1 to 8 MiB of 256 MiB) that change places.
 */
export const shiftOf = (extent: number, extentBytes: number, data: readonly Region[], random: Random): Shift => {
  const begin = extent * extentBytes;
  const first = data.find(({ offset }) => offset >= begin && offset < begin + extentBytes);
  const from = first === undefined ? begin : Math.min(first.offset, begin + extentBytes / 8);
  const moved = { offset: from + random.whole(0, pageBytes), length: aligned(extentBytes * movedShare) };
  const inserted = Uint8Array.from({ length: 2 * random.whole(insertedPairs.min, insertedPairs.max) + 1 }, () =>
    random.whole(0, 255),
  );
  const free = aligned(moved.offset + moved.length);
  const slotBytes = Math.floor((begin + extentBytes - free) / (2 * swapsPerExtent) / pageBytes) * pageBytes;
  const swaps = Array.from({ length: swapsPerExtent }, (_, index) => {
    const pages = random.whole(extentBytes / 256 / pageBytes, extentBytes / 32 / pageBytes);
    const length = pages * pageBytes;
    const place = (slot: number) =>
      free + slot * slotBytes + random.whole(0, (slotBytes - length) / pageBytes) * pageBytes;
    return { a: place(index), b: place(index + swapsPerExtent), length };
  });
  return { moved, inserted, swaps };
};
