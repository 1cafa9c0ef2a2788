import type { Random } from "./random.ts";
import { createPlaces, type Region } from "./regions.ts";

export const databasePageBytes = 8192;
const edits = { min: 3, max: 6 };
const editBytes = { min: 8, max: 100 };

/** A page of a database, and what is written into it. Offsets of edits are in the page. */
export interface EditedPage {
  readonly offset: number;
  readonly edits: readonly { readonly offset: number; readonly data: Uint8Array }[];
}

/**
 * `count` pages of 8 KiB in the regions, each with 3 to 6 edits of 8 to 100 bytes,
 * in the volume's order.
 */
export const editedPages = (regions: readonly Region[], count: number, random: Random): readonly EditedPage[] => {
  const place = createPlaces(regions, databasePageBytes, random);
  const available = regions.reduce((sum, { length }) => sum + Math.floor(length / databasePageBytes), 0);
  const offsets = new Set<number>();
  while (offsets.size < Math.min(count, available)) offsets.add(place().offset);
  return [...offsets]
    .sort((a, b) => a - b)
    .map((offset) => ({
      offset,
      edits: Array.from({ length: random.whole(edits.min, edits.max) }, () => {
        const length = random.whole(editBytes.min, editBytes.max);
        const data = Uint8Array.from({ length }, () => random.whole(0, 255));
        return { offset: random.whole(0, databasePageBytes - length), data };
      }),
    }));
};
