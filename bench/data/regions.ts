import type { Random } from "./random.ts";

/** A range of a volume, in bytes. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

export const unitBytes = 64 * 1024;
const regionUnitsMax = 128;

/**
 * Which ranges of a volume are allocated: regions of 64 KiB to 8 MiB between holes, aligned to
 * 64 KiB, together about `fraction` of the volume. `sizeBytes` is a multiple of 64 KiB.
 */
export const allocatedRegions = (sizeBytes: number, fraction: number, random: Random): readonly Region[] => {
  const units = sizeBytes / unitBytes;
  const regions: Region[] = [];
  let allocated = 0;
  for (let at = 0; at < units; ) {
    const length = Math.min(random.logWhole(1, regionUnitsMax), units - at);
    regions.push({ offset: at * unitBytes, length: length * unitBytes });
    allocated += length;
    at += length;
    // Holes make up for what the regions before were too much, some more and some less.
    const due = allocated / fraction - at;
    at += Math.max(1, Math.round(due * (0.5 + random.next())));
  }
  return regions;
};

export const totalBytes = (regions: readonly Region[]): number => regions.reduce((sum, { length }) => sum + length, 0);

/** The parts of the regions that lie in one of the extents. */
export const regionsInside = (
  regions: readonly Region[],
  extents: readonly number[],
  extentBytes: number,
): readonly Region[] =>
  extents.flatMap((extent) =>
    regions.flatMap(({ offset, length }) => {
      const begin = Math.max(offset, extent * extentBytes);
      const end = Math.min(offset + length, (extent + 1) * extentBytes);
      return begin < end ? [{ offset: begin, length: end - begin }] : [];
    }),
  );

/**
 * One extent of every four neighbours, in order: the quarter of a volume that a
 * night's work touches.
 */
export const quarterOfExtents = (count: number, random: Random): readonly number[] =>
  Array.from({ length: Math.max(1, Math.floor(count / 4)) }, (_, group) =>
    Math.min(count - 1, group * 4 + random.whole(0, 3)),
  );

/**
 * Gives a place in the regions, each as likely as any other: a multiple of `stepBytes` from a
 * region's start, and the bytes from there to the region's end.
 */
export const createPlaces = (regions: readonly Region[], stepBytes: number, random: Random): (() => Region) => {
  const steps = regions.map(({ length }) => Math.floor(length / stepBytes));
  const total = steps.reduce((sum, count) => sum + count, 0);
  if (total === 0) throw new RangeError("the extents that are to be changed hold no data; another seed may help");
  return () => {
    let left = random.whole(0, total - 1);
    const index = steps.findIndex((count) => {
      if (left < count) return true;
      left -= count;
      return false;
    });
    const region = regions[index] as Region;
    return { offset: region.offset + left * stepBytes, length: region.length - left * stepBytes };
  };
};
