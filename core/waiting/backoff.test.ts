import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { backoff } from "./backoff.ts";

test("waits double with each failure in a row, up to the longest", () => {
  const waits = [1, 2, 3, 4, 5, 6, 10_000].map((failures) => backoff({ first: 2, max: 40, jitter: 0 }, failures, 0.5));
  assert.deepEqual(waits, [2, 4, 8, 16, 32, 40, 40]);
});

test("chance shortens a wait by the jitter's share of it at most, and makes none longer", () => {
  const shares = fc.double({ min: 0, max: 1, noNaN: true });
  const fractions = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), shares, fractions, (failures, jitter, fraction) => {
      const full = backoff({ first: 3, max: 1000, jitter: 0 }, failures, fraction);
      const wait = backoff({ first: 3, max: 1000, jitter }, failures, fraction);
      assert.ok(wait <= full && wait >= full * (1 - jitter), `${wait} of ${full}`);
    }),
  );
  assert.equal(backoff({ first: 100, max: 100, jitter: 1 }, 1, 0.25), 25);
});
