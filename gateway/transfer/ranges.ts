/**
 * Ascending numbers as ranges that include both ends, which is short where most of
 * them are neighbours.
 */
export const toRanges = (numbers: readonly number[]): [first: number, last: number][] => {
  const ranges: [number, number][] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && number <= last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
};

/** The numbers of ranges that lie below `limit`, which bounds how many there can be. */
export const fromRanges = (ranges: readonly (readonly [number, number])[], limit: number): Set<number> => {
  const numbers = new Set<number>();
  for (const [first, last] of ranges) {
    for (let number = first; number <= Math.min(last, limit - 1); number++) numbers.add(number);
  }
  return numbers;
};
