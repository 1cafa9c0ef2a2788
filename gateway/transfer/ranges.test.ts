import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { countOf, fromRanges, numbersIn, rangesSchema, toRanges } from "./ranges.ts";

const numbers = fc.uniqueArray(fc.nat(60));
const isTaken = (ranges: unknown, limit: number): boolean => rangesSchema(limit).safeParse(ranges).success;

/** Ranges one behind the other, and how many of them somebody has looked at. */
const counted = (ranges: readonly unknown[]) => {
  let looks = 0;
  const isIndex = (name: string | symbol) => typeof name === "string" && /^\d+$/.test(name);
  const values = new Proxy(ranges, {
    get: (target, name) => {
      if (isIndex(name)) looks++;
      return Reflect.get(target, name);
    },
  });
  return { values, looks: () => looks };
};

describe("ranges", () => {
  test("say the same numbers in fewer words", () => {
    fc.assert(
      fc.property(numbers, (some) => {
        const ranges = toRanges(some);
        const wanted = some.toSorted((a, b) => a - b);
        assert.deepEqual([...fromRanges(ranges)], wanted);
        assert.equal(countOf(ranges), wanted.length);
        const isIn = numbersIn(ranges, 61);
        for (let number = 0; number < 61; number++) assert.equal(isIn.has(number), some.includes(number));
        ranges.slice(1).forEach(([first], index) => {
          assert.ok(first > (ranges[index]?.[1] ?? first) + 1, "no two ranges could be one");
        });
      }),
    );
  });

  test("are taken from a peer when each number below the limit is named once, in order, and else refused", () => {
    const end = fc.integer({ min: -1, max: 12 });
    const any = fc.array(fc.tuple(end, end), { maxLength: 6 });
    fc.assert(
      fc.property(any, fc.nat(12), (ranges, limit) => {
        const named = ranges.flatMap(([first, last]) =>
          Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index),
        );
        const isEmpty = ranges.some(([first, last]) => last < first);
        const isOnce = named.every((number, index) => index === 0 || number > (named[index - 1] ?? number));
        const isInside = named.every((number) => number >= 0 && number < limit);
        assert.equal(isTaken(ranges, limit), !isEmpty && isOnce && isInside);
      }),
      { numRuns: 2000 },
    );
  });

  test("are taken as we tell them", () => {
    fc.assert(fc.property(numbers, (some) => assert(isTaken(toRanges(some), 61))));
  });

  test("are nothing else", () => {
    for (const value of [null, 1, "[]", {}, [1], [[1]], [[1, 2, 3]], [["1", "2"]], [[0.5, 1]], [[0, Infinity]], [{}]]) {
      assert(!isTaken(value, 100), JSON.stringify(value));
    }
  });

  test("`done` of 16 MiB of overlapping ranges is refused at the first that overlaps", () => {
    const { values, looks } = counted(Array.from({ length: 2 ** 20 }, () => [0, 262_143]));
    assert(!isTaken(values, 262_144));
    assert.equal(looks(), 2);
  });

  test("are looked at once each, however many numbers they stand for", () => {
    const { values, looks } = counted(Array.from({ length: 1000 }, (_, index) => [index * 1e9, index * 1e9 + 5e8]));
    assert(isTaken(values, Number.MAX_SAFE_INTEGER));
    assert.equal(looks(), 1000);
  });
});
