import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../errors.ts";
import { checkShape, extentBytesMax, extentCount, extentsMax, volumeShapeSchema } from "./volume-shape.ts";

const KiB = 1024;
const zbs = { extentBytes: 256 * KiB * KiB, stripeCount: 4, stripeBytes: 256 * KiB };
const plain = { extentBytes: 64 * KiB, stripeCount: 1, stripeBytes: 64 * KiB };

const isTaken = (sizeBytes: number, geometry: object): boolean =>
  volumeShapeSchema.safeParse({ id: "v", sizeBytes, geometry }).success;

const isRefused = (sizeBytes: number, geometry: typeof plain, what: RegExp): void => {
  assert.throws(
    () => checkShape({ sizeBytes, geometry }),
    (error) => VisibleError.is(error, "BAD_REQUEST") && what.test(error.message),
  );
  assert(!isTaken(sizeBytes, geometry));
};

describe("a volume's shape", () => {
  test("is what ZBS has: up to 128 stripes from 4 KiB, and 64 TiB in extents of 256 MiB", () => {
    assert(isTaken(64 * 2 ** 40, zbs));
    assert(isTaken(1, { ...zbs, stripeCount: 128, stripeBytes: 4 * KiB }));
    checkShape({ sizeBytes: 64 * 2 ** 40, geometry: zbs });
    assert(isTaken(1, { extentBytes: extentBytesMax, stripeCount: 1, stripeBytes: extentBytesMax }));
  });

  test("is refused by the name of what of it can't be", () => {
    isRefused(2 ** 53 - 1, { ...zbs }, /sizeBytes: a volume has 262144 extents/);
    isRefused(2 ** 45, plain, /sizeBytes: a volume has 262144 extents/);
    isRefused(64 * 2 ** 40 + 1, zbs, /sizeBytes: /);
    isRefused(2 ** 53, plain, /sizeBytes: /);
    isRefused(0, plain, /sizeBytes: /);
    isRefused(1.5, plain, /sizeBytes: /);
    isRefused(1, { ...zbs, stripeBytes: 1 }, /geometry\.stripeBytes: /);
    isRefused(1, { ...zbs, stripeBytes: 2 * KiB }, /geometry\.stripeBytes: /);
    isRefused(1, { ...zbs, stripeBytes: 0 }, /geometry\.stripeBytes: /);
    isRefused(1, { ...zbs, stripeBytes: 12 * KiB }, /geometry: an extent is whole stripes/);
    isRefused(1, { ...zbs, stripeCount: 129 }, /geometry\.stripeCount: /);
    isRefused(1, { ...zbs, stripeCount: 0 }, /geometry\.stripeCount: /);
    isRefused(1, { ...plain, extentBytes: 4 * KiB, stripeBytes: 4 * KiB }, /geometry\.extentBytes: /);
    isRefused(1, { ...plain, extentBytes: 2 * extentBytesMax }, /geometry\.extentBytes: /);
    isRefused(1, { ...plain, extentBytes: 0 }, /geometry\.extentBytes: /);
    isRefused(1, { ...plain, extentBytes: -65_536 }, /geometry\.extentBytes: /);
  });

  test("whatever is taken has whole blocks and stripes, and few extents", () => {
    const number = fc.oneof(
      fc.maxSafeInteger(),
      fc.integer({ min: 0, max: 53 }).map((bits) => 2 ** bits),
      fc.integer({ min: -1, max: 200 }).map((times) => times * 4 * KiB),
    );
    fc.assert(
      fc.property(
        number,
        number,
        fc.integer({ min: -1, max: 200 }),
        number,
        (extentBytes, stripeBytes, stripeCount, sizeBytes) => {
          const geometry = { extentBytes, stripeCount, stripeBytes };
          if (!isTaken(sizeBytes, geometry)) return;
          assert.equal(extentBytes % (64 * KiB), 0);
          assert.equal(extentBytes % stripeBytes, 0);
          assert.equal(stripeBytes % (4 * KiB), 0);
          const extents = extentCount(geometry, sizeBytes);
          assert(extents > 0 && extents <= extentsMax && extents % stripeCount === 0);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
