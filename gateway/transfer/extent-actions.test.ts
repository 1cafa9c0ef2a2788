import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { differingRanges } from "./diff/differences.ts";
import { chooseExtentActions, type TargetBase } from "./extent-actions.ts";

const none: TargetBase = { kind: "none" };
const actions = (options: Partial<Parameters<typeof chooseExtentActions>[0]> & { readonly count: number }) =>
  chooseExtentActions({ map: undefined, base: none, done: new Set(), damaged: new Set(), ...options }).map(
    ({ how }) => how,
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
