import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { extentsMax } from "../../core/api/object/volume-shape.ts";
import { differingRanges } from "./diff/differences.ts";
import { extentActions, extentsAhead, type TargetBase } from "./extent-actions.ts";
import { numbersIn } from "./ranges.ts";

const none: TargetBase = { kind: "none" };
const actions = ({ count, ...options }: Partial<Parameters<typeof extentActions>[0]> & { readonly count: number }) =>
  Array.from({ length: count }, (_, extent) =>
    extentActions({ map: undefined, base: none, done: new Set(), damaged: new Set(), ...options })(extent),
  );

describe("what a transfer does with each extent", () => {
  test("sends everything but holes when the target has nothing", () => {
    assert.deepEqual(actions({ count: 3, map: ["x", null, "y"] }), ["full", "hole", "full"]);
  });

  test("compares only what has another token than the base", () => {
    const base: TargetBase = { kind: "readable", map: ["x", "x", null, "x", null], count: 5 };
    assert.deepEqual(actions({ count: 5, map: ["x", "y", "y", null, null], base }), [
      "unchanged",
      "diff",
      "full",
      "zero",
      "hole",
    ]);
  });

  test("sends in full what the target knows to be damaged, whatever the base is, and also what it had done", () => {
    const base: TargetBase = { kind: "readable", map: ["x", "x", null], count: 3 };
    const damaged = new Set([1, 2]);
    for (const each of [base, none, { kind: "lost" } as const]) {
      assert.deepEqual(actions({ count: 3, map: ["x", "x", null], base: each, damaged }).slice(1), ["full", "zero"]);
      assert.deepEqual(actions({ count: 3, base: each, damaged, done: damaged }).slice(1), ["full", "full"]);
    }
  });

  test("sends in full what a volume has grown by", () => {
    const base: TargetBase = { kind: "readable", map: ["x"], count: 1 };
    assert.deepEqual(actions({ count: 3, map: ["x", "y", null], base }), ["unchanged", "full", "hole"]);
    assert.deepEqual(actions({ count: 2, base: { kind: "readable", map: undefined, count: 1 } }), ["diff", "full"]);
  });

  test("compares every extent when there are no maps, and takes nothing for a hole that it does not know", () => {
    const unknown: TargetBase = { kind: "readable", map: undefined, count: 2 };
    assert.deepEqual(actions({ count: 2, base: unknown }), ["diff", "diff"]);
    assert.deepEqual(actions({ count: 2, map: [null, "x"], base: unknown }), ["zero", "diff"]);
    assert.deepEqual(actions({ count: 2, base: { kind: "readable", map: [null, "x"], count: 2 } }), ["full", "diff"]);
    assert.deepEqual(actions({ count: 2 }), ["full", "full"]);
  });

  test("asks the target about everything when the source lost the base", () => {
    assert.deepEqual(actions({ count: 2, map: [null, "x"], base: { kind: "lost" } }), ["zero", "match"]);
  });

  test("leaves out what the target has done already", () => {
    assert.deepEqual(actions({ count: 3, map: ["x", null, "y"], done: new Set([0, 1]) }), ["done", "done", "full"]);
  });
});

describe("what there is to do for a volume", () => {
  const ahead = ({
    count,
    begun = [],
    ...of
  }: Omit<Parameters<typeof extentActions>[0], "damaged"> & {
    readonly count: number;
    readonly begun?: readonly number[];
  }) =>
    extentsAhead(count, {
      map: of.map,
      actionFor: extentActions({ ...of, damaged: new Set() }),
      begun: new Set(begun),
    });

  test("is what is neither done, nor the same, nor a hole here and there, in order, and the rest is counted", async () => {
    const map = ["x", "y", null, null, "z", null];
    const base: TargetBase = { kind: "readable", map: ["x", "x", null, "v", "w", "u"], count: 6 };
    assert.deepEqual(await ahead({ count: 6, map, base, done: new Set([4, 5]) }), {
      open: [
        { extent: 1, how: "diff" },
        { extent: 3, how: "zero" },
      ],
      settled: { extentsDone: 4, extentsUnchanged: 2, extentsHole: 3 },
    });
  });

  test("is also what the target has begun, whatever the maps say", async () => {
    const map = ["x", "y", null, "z", null];
    const base: TargetBase = { kind: "readable", map: ["x", "x", null, "z", "v"], count: 5 };
    assert.deepEqual(await ahead({ count: 5, map, base, done: new Set([]), begun: [0, 1, 2, 4] }), {
      open: [
        { extent: 0, how: "diff", isBegun: true },
        { extent: 1, how: "diff", isBegun: true },
        { extent: 2, how: "zero", isBegun: true },
        { extent: 4, how: "zero", isBegun: true },
      ],
      settled: { extentsDone: 1, extentsUnchanged: 1, extentsHole: 2 },
    });
  });

  test("is found out in turns, between which others have theirs: of 2^18 extents that a target has done", async () => {
    let turns = 0;
    const count = () => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    const { open, settled } = await ahead({
      ...{ count: extentsMax, map: undefined, base: none },
      done: numbersIn([[0, extentsMax - 2]], extentsMax),
    });
    clearImmediate(timer);
    assert.deepEqual(open, [{ extent: extentsMax - 1, how: "full" }]);
    assert.equal(settled.extentsDone, extentsMax - 1);
    assert.ok(turns >= 15, `${turns} turns`);
  });
});

describe("differing ranges", () => {
  test("cover every byte that differs, in whole grains of which each has one", () => {
    const grains = 16;
    fc.assert(
      fc.property(fc.array(fc.nat(grains * 4096 - 1), { maxLength: 6 }), (places) => {
        const before = new Uint8Array(grains * 4096);
        const now = before.slice();
        for (const place of places) now[place] = 1;
        const covered = differingRanges(now, before).flatMap(({ offset, length }) =>
          Array.from({ length: length / 4096 }, (_, index) => offset / 4096 + index),
        );
        const wanted = [...new Set(places.map((place) => Math.floor(place / 4096)))].toSorted((a, b) => a - b);
        assert.deepEqual(covered, wanted);
      }),
    );
  });
});
