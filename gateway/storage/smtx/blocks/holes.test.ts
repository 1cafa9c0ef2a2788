import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { Holes } from "./holes.ts";
import { ClonedSnapshotReader } from "./snapshot-reader.ts";
import { sparseLun } from "./testing.ts";

const MiB = 1024 * 1024;
const blockBytes = 512;
const windowBytes = 64 * MiB;
const geometry = { extentBytes: 4 * MiB, stripeCount: 1, stripeBytes: 4 * MiB };

const readerOf = (
  lun: Lun,
  sizeBytes: number,
  onLie: () => Promise<void> = async () => assert.fail("it does not lie"),
) =>
  new ClonedSnapshotReader({
    openClone: async () => ({ lun, holes: new Holes({ lun, onLie }) }),
    ...{ sizeBytes, geometry, extentMap: undefined },
  });

describe("a clone that tells what it has nothing of", () => {
  test("is read as it is, wherever its holes, its end and the reads are", async () => {
    const sizes = fc.integer({ min: 1, max: (3 * MiB) / blockBytes }).map((blocks) => blocks * blockBytes);
    const places = fc.array(fc.tuple(fc.nat(4 * MiB), fc.integer({ min: 1, max: MiB })), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(63)), places, fc.nat(5000), async (lunBytes, written, reads, less) => {
        const { lun, content } = sparseLun(lunBytes, written);
        const sizeBytes = Math.max(1, lunBytes - less);
        const reader = readerOf(lun, sizeBytes);
        for (const [offset, length] of reads) {
          const at = Math.min(offset - (offset % blockBytes), lunBytes);
          const into = Buffer.alloc(length, 0xaa);
          await reader.read(at, into);
          const wanted = Buffer.alloc(length);
          content.copy(wanted, 0, at, Math.min(at + length, sizeBytes));
          assert(into.equals(wanted), `${length} bytes from ${at} of ${sizeBytes}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("is not read where it has nothing but in a few places, and is asked once a window", async () => {
    const { lun, reads, asked, content } = sparseLun(2 * windowBytes, [0, 1, 1500, 2047]);
    const reader = readerOf(lun, lun.sizeBytes);
    const into = Buffer.alloc(256 * 1024);
    for (let at = 0; at < lun.sizeBytes; at += into.length) {
      await reader.read(at, into);
      assert(into.equals(content.subarray(at, at + into.length)));
    }
    assert.deepEqual(asked, [0, windowBytes]);
    const small = reads.filter(({ length }) => length === 4096);
    const bytes = reads.reduce((sum, { length }) => sum + length, 0);
    assert.deepEqual([small.length, bytes - small.length * 4096], [8, 4 * 64 * 1024]);
  });

  test("is read with its short holes, which are no request's worth", async () => {
    const { lun, reads, content } = sparseLun(4 * MiB, [0, 1, 4, 20]);
    const into = Buffer.alloc(4 * MiB);
    await readerOf(lun, lun.sizeBytes).read(0, into);
    assert(into.equals(content));
    const large = reads.filter(({ length }) => length > 4096);
    assert.deepEqual(
      large.map(({ offset, length }) => [offset / 65_536, length / 65_536]),
      [
        [0, 5],
        [20, 1],
      ],
    );
  });

  test("is read whole where it can't tell", async () => {
    const { lun, content } = sparseLun(MiB, [3], "nothing");
    const into = Buffer.alloc(MiB);
    await readerOf(lun, MiB).read(0, into);
    assert(into.equals(content));
  });

  test("is found out when it has something in its holes, and nobody believes it after that", async () => {
    let lies = 0;
    const { lun } = sparseLun(
      MiB,
      Array.from({ length: 16 }, (_, at) => at),
      "lies",
    );
    const reader = readerOf(lun, MiB, async () => {
      lies += 1;
    });
    await assert.rejects(reader.read(0, Buffer.alloc(MiB)), (error) => VisibleError.is(error, "DISK_FAILED"));
    assert(lies > 0);
  });
});
