import { z } from "zod";

/** A range of whole numbers that includes both ends. */
export type NumberRange = readonly [first: number, last: number];

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

/**
 * Ranges of numbers below `limit` as somebody else tells them: ascending, and none of them meets
 * another. So there are `limit` of them at the most, and to go through them costs no more.
 */
export const rangesSchema = (limit: number) =>
  z.custom<readonly NumberRange[]>(
    (value) => Array.isArray(value) && areRanges(value, limit),
    `ranges of numbers below ${limit}, ascending and disjoint`,
  );

const areRanges = (values: readonly unknown[], limit: number): boolean => {
  let next = 0;
  for (const value of values) {
    if (!Array.isArray(value) || value.length !== 2) return false;
    const [first, last]: unknown[] = value;
    if (!Number.isInteger(first) || !Number.isInteger(last)) return false;
    if ((first as number) < next || (last as number) < (first as number) || (last as number) >= limit) return false;
    next = (last as number) + 1;
  }
  return true;
};

/** How many numbers ranges have that don't meet. */
export const countOf = (ranges: readonly NumberRange[]): number =>
  ranges.reduce((count, [first, last]) => count + last - first + 1, 0);

/** The numbers of ranges, in their order. */
export function* fromRanges(ranges: readonly NumberRange[]): Generator<number, void, void> {
  for (const [first, last] of ranges) for (let number = first; number <= last; number++) yield number;
}

/** Which numbers are meant. */
export type Numbers = Pick<ReadonlySet<number>, "has">;

/** Those of ranges below `limit`, a byte of memory for each number below it. */
export const numbersIn = (ranges: readonly NumberRange[], limit: number): Numbers => {
  const isIn = new Uint8Array(limit);
  for (const [first, last] of ranges) isIn.fill(1, first, last + 1);
  return { has: (number) => isIn[number] === 1 };
};
