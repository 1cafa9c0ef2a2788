import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { extentCount, type Geometry } from "../api/object/volume-shape.ts";
import { plainGeometry, zbsExtentBytes } from "./geometry.ts";
import { extentRanges, locate, partsOf, roundedSizeBytes } from "./striping.ts";

/** Small geometries: stripes of 1 to 5 bytes, which the arithmetic cannot tell from large ones. */
const volumes = fc
  .record({
    stripeBytes: fc.integer({ min: 1, max: 5 }),
    stripesPerExtent: fc.integer({ min: 1, max: 5 }),
    stripeCount: fc.integer({ min: 1, max: 5 }),
    sizeBytes: fc.integer({ min: 1, max: 300 }),
  })
  .map(({ stripeBytes, stripesPerExtent, stripeCount, sizeBytes }) => {
    const geometry: Geometry = { extentBytes: stripeBytes * stripesPerExtent, stripeCount, stripeBytes };
    return { geometry, sizeBytes };
  });

/**
 * Deals the volume's bytes out to its extents, stripe by stripe, as one would by hand: no division.
 */
const dealOut = ({ extentBytes, stripeCount, stripeBytes }: Geometry, sizeBytes: number): number[][] => {
  const extents: number[][] = [];
  let offset = 0;
  while (offset < sizeBytes) {
    const group: number[][] = Array.from({ length: stripeCount }, () => []);
    while ((group.at(-1)?.length ?? 0) < extentBytes) {
      for (const extent of group) for (let byte = 0; byte < stripeBytes; byte++) extent.push(offset++);
    }
    extents.push(...group);
  }
  return extents;
};

describe("striping", () => {
  test("every byte lies where dealing out stripe by stripe puts it", () => {
    fc.assert(
      fc.property(volumes, ({ geometry, sizeBytes }) => {
        const extents = dealOut(geometry, sizeBytes);
        assert.equal(extentCount(geometry, sizeBytes), extents.length);
        assert.equal(roundedSizeBytes(geometry, sizeBytes), extents.flat().length);
        extents.forEach((bytes, extent) => {
          bytes.forEach((offset, offsetInExtent) => {
            const found = locate(geometry, offset);
            assert.deepEqual([found.extent, found.offsetInExtent], [extent, offsetInExtent]);
          });
        });
      }),
    );
  });

  test("contiguous bytes are neighbours in volume and extent, and end where that ends", () => {
    fc.assert(
      fc.property(volumes, ({ geometry, sizeBytes }) => {
        for (const bytes of dealOut(geometry, sizeBytes)) {
          bytes.forEach((offset, index) => {
            let length = 1;
            while (index + length < bytes.length && bytes[index + length] === offset + length) length++;
            assert.equal(locate(geometry, offset).contiguousBytes, length);
          });
        }
      }),
    );
  });

  test("the ranges of an extent list its bytes in its own order, with no two that could be one", () => {
    fc.assert(
      fc.property(volumes, ({ geometry, sizeBytes }) => {
        dealOut(geometry, sizeBytes).forEach((bytes, extent) => {
          const ranges = extentRanges(geometry, sizeBytes, extent);
          const listed = ranges.flatMap(({ offset, length, offsetInExtent }) => {
            assert.equal(bytes[offsetInExtent], offset);
            return Array.from({ length }, (_, byte) => offset + byte);
          });
          assert.deepEqual(listed, bytes);
          ranges.slice(1).forEach((range, index) => {
            const before = ranges[index];
            assert.ok(before !== undefined && before.offset + before.length !== range.offset);
          });
        });
      }),
    );
  });

  test("parts of an extent's ranges are what lies in both, in the same order", () => {
    const part = fc.record({ from: fc.nat(), to: fc.nat() });
    fc.assert(
      fc.property(volumes, part, ({ geometry, sizeBytes }, { from, to }) => {
        const offset = from % geometry.extentBytes;
        const length = (to % (geometry.extentBytes - offset)) + 1;
        dealOut(geometry, sizeBytes).forEach((bytes, extent) => {
          const listed = [...partsOf(geometry, extent, { offset, length })].flatMap((range) => {
            assert.equal(bytes[range.offsetInExtent], range.offset);
            return Array.from({ length: range.length }, (_, byte) => range.offset + byte);
          });
          assert.deepEqual(listed, bytes.slice(offset, offset + length));
        });
      }),
    );
  });

  test("a volume of 64 TiB with the default stripes is exact to its last byte", () => {
    const geometry: Geometry = { extentBytes: zbsExtentBytes, stripeCount: 4, stripeBytes: 256 * 1024 };
    const sizeBytes = 64 * 2 ** 40;
    assert.equal(extentCount(geometry, sizeBytes), 262144);
    assert.deepEqual(locate(geometry, sizeBytes - 1), {
      extent: 262143,
      offsetInExtent: zbsExtentBytes - 1,
      contiguousBytes: 1,
    });
    const ranges = extentRanges(geometry, sizeBytes, 262143);
    assert.equal(ranges.length, 1024);
    assert.deepEqual(ranges.at(-1), {
      offset: sizeBytes - 256 * 1024,
      length: 256 * 1024,
      offsetInExtent: zbsExtentBytes - 256 * 1024,
    });
    for (const { offset, offsetInExtent } of ranges) {
      assert.deepEqual(locate(geometry, offset), { extent: 262143, offsetInExtent, contiguousBytes: 256 * 1024 });
    }
  });

  test("an extent that is not striped is one range, and the last one reaches past the size", () => {
    const sizeBytes = zbsExtentBytes + 512;
    assert.equal(roundedSizeBytes(plainGeometry, sizeBytes), 2 * zbsExtentBytes);
    assert.deepEqual(extentRanges(plainGeometry, sizeBytes, 1), [
      { offset: zbsExtentBytes, length: zbsExtentBytes, offsetInExtent: 0 },
    ]);
  });

  test("an extent that the volume does not have is refused", () => {
    assert.throws(() => extentRanges(plainGeometry, zbsExtentBytes, 1), RangeError);
    assert.throws(() => extentRanges(plainGeometry, zbsExtentBytes, -1), RangeError);
    assert.throws(() => extentRanges(plainGeometry, zbsExtentBytes, 0.5), RangeError);
  });
});
