import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { areZeros, holesBetween } from "./holes.ts";
import { signal } from "./testing.ts";

const MiB = 1024 ** 2;

describe("the holes of a file", () => {
  test("are what lies before, between and behind its data", () => {
    const data = [
      { offset: 10, length: 5 },
      { offset: 15, length: 5 },
      { offset: 30, length: 10 },
    ];
    assert.deepEqual(
      [...holesBetween(data, 50)],
      [
        { offset: 0, length: 10 },
        { offset: 20, length: 10 },
        { offset: 40, length: 10 },
      ],
    );
    assert.deepEqual([...holesBetween([{ offset: 0, length: 50 }], 50)], []);
    assert.deepEqual([...holesBetween([], 50)], [{ offset: 0, length: 50 }]);
  });

  const holes = [
    { offset: MiB, length: MiB },
    { offset: 4 * MiB, length: 512 },
    { offset: 8 * MiB, length: 64 * MiB },
  ];
  /** Zeros but for what is named. */
  const without = (at: number, length: number) => async (offset: number, into: Uint8Array) => {
    into.fill(0);
    for (let byte = Math.max(at, offset); byte < Math.min(at + length, offset + into.length); byte++)
      into[byte - offset] = 1;
  };

  test("are believed when they read as zeros, in few reads however large they are", async () => {
    let reads = 0;
    const read = async (_: number, into: Uint8Array) => {
      reads += 1;
      into.fill(0);
    };
    assert.equal(await areZeros([{ offset: 0, length: 20 * 1024 * MiB }], { read, signal }), true);
    assert.ok(reads <= 16, `${reads}`);
    reads = 0;
    const many = Array.from({ length: 100_000 }, (_, index) => ({ offset: 2 * index * MiB, length: MiB }));
    assert.equal(await areZeros(many, { read, signal }), true);
    assert.equal(reads, 200_000);
  });

  test("are not believed when one begins or ends with data, or holds much of it", async () => {
    for (const { offset, length } of holes) {
      const cases = [
        [offset, 1],
        [offset + length - 1, 1],
        [offset + Math.floor(length / 4), Math.ceil(length / 4)],
      ] as const;
      for (const [at, count] of cases) {
        assert.equal(await areZeros(holes, { read: without(at, count), signal }), false, `${count} bytes at ${at}`);
      }
    }
    assert.equal(await areZeros(holes, { read: without(3 * MiB, MiB), signal }), true);
  });

  test("are asked for no longer than somebody wants to know", async () => {
    const stopped = AbortSignal.abort(new Error("enough"));
    await assert.rejects(areZeros(holes, { read: without(0, 0), signal: stopped }), /enough/);
  });
});
