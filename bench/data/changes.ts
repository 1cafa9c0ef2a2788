import type { Random } from "./random.ts";
import { createPlaces, type Region, totalBytes } from "./regions.ts";

export const pageBytes = 4096;
const runPagesMax = 256;
/** Where the data is scarce, as in a tiny volume, not more than that of it is changed. */
const shareMax = 0.8;

/**
 * Random runs of 4 KiB to 1 MiB in the regions, aligned to 4 KiB, `bytes` together;
 * neighbours are joined.
 */
export const changedRuns = (regions: readonly Region[], bytes: number, random: Random): readonly Region[] => {
  const wanted = Math.floor(Math.min(bytes, shareMax * totalBytes(regions)) / pageBytes);
  const place = createPlaces(regions, pageBytes, random);
  const pages = new Set<number>();
  while (pages.size < wanted) {
    const { offset, length } = place();
    const count = Math.min(random.logWhole(1, runPagesMax), length / pageBytes, wanted - pages.size);
    for (let page = 0; page < count; page++) pages.add(offset / pageBytes + page);
  }
  return joined([...pages].sort((a, b) => a - b));
};

const joined = (pages: readonly number[]): readonly Region[] => {
  const runs: { offset: number; length: number }[] = [];
  for (const page of pages) {
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === page * pageBytes) last.length += pageBytes;
    else runs.push({ offset: page * pageBytes, length: pageBytes });
  }
  return runs;
};
