import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { zstdCompressSync } from "node:zlib";
import { changedRuns, pageBytes } from "./changes.ts";
import { contentAt } from "./content.ts";
import { databasePageBytes, editedPages } from "./edits.ts";
import { createRandom } from "./random.ts";
import { quarterOfExtents, type Region, regionsInside, totalBytes, unitBytes } from "./regions.ts";
import { shiftOf } from "./shifts.ts";
import { applyVariant, baseRegions, type VariantName, variantNames, writeBase } from "./variants.ts";

const MiB = 1024 * 1024;
const spec = { seed: "7", sizeBytes: 64 * MiB, extentBytes: 16 * MiB, allocatedShare: 0.525 };
const large = { ...spec, sizeBytes: 4096 * MiB, extentBytes: 256 * MiB };
const random = () => createRandom("7", "test");

const holds = (regions: readonly Region[], { offset, length }: Region) =>
  regions.some((region) => offset >= region.offset && offset + length <= region.offset + region.length);

test("the regions of a volume are apart, aligned, of 64 KiB to 8 MiB, and as much of it as they should be", () => {
  const regions = baseRegions(large);
  let end = -unitBytes;
  for (const { offset, length } of regions) {
    assert(offset >= end + unitBytes && offset % unitBytes === 0 && length % unitBytes === 0);
    assert(length >= unitBytes && length <= 8 * MiB);
    end = offset + length;
  }
  assert(end <= large.sizeBytes);
  const share = totalBytes(regions) / large.sizeBytes;
  assert(Math.abs(share - large.allocatedShare) < 0.01, `${share} is allocated`);
  assert.deepEqual(baseRegions(large), regions);
});

test("content is the same wherever it is read from, about half compressible, and another by every name", () => {
  const content = { seed: "7", name: "base" };
  const whole = contentAt(content, 8 * MiB, 8 * MiB);
  const part = contentAt(content, 9 * MiB + 3 * pageBytes, 5 * pageBytes);
  assert(part.equals(whole.subarray(MiB + 3 * pageBytes, MiB + 8 * pageBytes)));
  const ratio = zstdCompressSync(whole).length / whole.length;
  assert(ratio > 0.44 && ratio < 0.54, `compressed to ${ratio}`);
  const other = contentAt({ ...content, name: "1 %" }, 8 * MiB, 8 * MiB);
  for (let at = 0; at < whole.length; at += pageBytes) {
    assert(!whole.subarray(at, at + pageBytes).equals(other.subarray(at, at + pageBytes)));
  }
});

test("runs of changes are as much as was asked for, apart, aligned to 4 KiB, in the regions of a quarter of the extents", () => {
  const numbers = random();
  const extents = quarterOfExtents(16, numbers);
  assert.equal(new Set(extents).size, 4);
  const inside = regionsInside(baseRegions(large), extents, large.extentBytes);
  const runs = changedRuns(inside, 0.05 * large.sizeBytes, numbers);
  assert(Math.abs(totalBytes(runs) - 0.05 * large.sizeBytes) < pageBytes);
  let end = -1;
  for (const run of runs) {
    assert(run.offset > end && run.offset % pageBytes === 0 && run.length % pageBytes === 0);
    assert(extents.includes(Math.floor(run.offset / large.extentBytes)));
    end = run.offset + run.length;
  }
});

test("edited pages are of 8 KiB, in the regions, each with 3 to 6 edits of 8 to 100 bytes", () => {
  const regions = baseRegions(spec);
  const pages = editedPages(regions, 100, random());
  assert.equal(new Set(pages.map(({ offset }) => offset)).size, 100);
  for (const { offset, edits } of pages) {
    assert(holds(regions, { offset, length: databasePageBytes }));
    assert(edits.length >= 3 && edits.length <= 6);
    for (const edit of edits) {
      assert(edit.data.length >= 8 && edit.data.length <= 100);
      assert(edit.offset >= 0 && edit.offset + edit.data.length <= databasePageBytes);
    }
  }
});

test("what moves stays in its extent: an odd insertion, and swaps behind it that touch nothing twice", () => {
  const extentBytes = 256 * MiB;
  const { moved, inserted, swaps } = shiftOf(3, extentBytes, baseRegions(large), random());
  assert.equal(inserted.length % 2, 1);
  assert(moved.length > 64 * MiB && moved.length < 128 * MiB);
  const touched = [moved, ...swaps.flatMap(({ a, b, length }) => [a, b].map((offset) => ({ offset, length })))];
  touched.sort((x, y) => x.offset - y.offset);
  let end = 3 * extentBytes;
  for (const { offset, length } of touched) {
    assert(offset >= end);
    end = offset + length;
  }
  assert(end <= 4 * extentBytes);
  for (const { a, b, length } of swaps) {
    assert(length >= MiB && length <= 8 * MiB && a % pageBytes === 0 && b % pageBytes === 0);
  }
});

describe("images", () => {
  const withImages = (use: (make: (variant?: VariantName) => string) => void) => {
    const dir = mkdtempSync(join(tmpdir(), "bench-data-"));
    let made = 0;
    try {
      use((variant) => {
        const file = join(dir, `${++made}.img`);
        writeBase(file, spec);
        if (variant !== undefined) applyVariant(file, spec, variant);
        return file;
      });
    } finally {
      rmSync(dir, { recursive: true });
    }
  };

  test("the base image's holes are holes", () => {
    withImages((make) => {
      const { blocks, size } = statSync(make());
      assert.equal(size, spec.sizeBytes);
      assert(blocks * 512 < totalBytes(baseRegions(spec)) + MiB, `${blocks * 512} bytes are allocated`);
    });
  });

  for (const variant of variantNames) {
    test(`the variant “${variant}” is the same each time, and differs from the base in one extent of four`, () => {
      withImages((make) => {
        const [base, changed] = [readFileSync(make()), readFileSync(make(variant))];
        execFileSync("cmp", [make(variant), make(variant)]);
        const extents = [0, 1, 2, 3].filter((extent) => {
          const [begin, end] = [extent * spec.extentBytes, (extent + 1) * spec.extentBytes];
          return !base.subarray(begin, end).equals(changed.subarray(begin, end));
        });
        assert.equal(extents.length, 1);
      });
    });
  }
});
