import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { BlockCache } from "./block-cache.ts";

const unitBytes = 4;

/** An extent of ten units, each full of its number, with what was read of it. */
const cacheOf = (unitsAhead: number, failing?: number) => {
  const asked: number[] = [];
  const cache = new BlockCache({
    ...{ extentBytes: 10 * unitBytes, unitBytes, unitsAhead },
    read: async (offset, into) => {
      const unit = offset / unitBytes;
      asked.push(unit);
      await setImmediate();
      if (unit === failing) throw new Error(`unit ${unit} can't be read`);
      into.fill(unit);
    },
  });
  return { asked, unit: (unit: number) => cache.bytes(unit * unitBytes, unitBytes) };
};

test("what follows is read ahead where one unit is asked for after the other, once, and not behind the extent", async () => {
  const { asked, unit } = cacheOf(2);
  assert.deepEqual([...(await unit(0))], [0, 0, 0, 0]);
  assert.deepEqual(asked, [0, 1, 2]);
  for (let at = 1; at < 10; at++) assert.deepEqual([...(await unit(at))], Array(unitBytes).fill(at));
  assert.deepEqual(asked, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("who asks here and there has nothing read ahead", async () => {
  const { asked, unit } = cacheOf(2);
  for (const at of [5, 2, 8]) assert.deepEqual([...(await unit(at))], Array(unitBytes).fill(at));
  assert.deepEqual(asked, [5, 2, 8]);
});

test("what can't be read ahead fails when it is asked for, and nothing else does", async () => {
  const { unit } = cacheOf(2, 2);
  assert.deepEqual([...(await unit(0))], [0, 0, 0, 0]);
  assert.deepEqual([...(await unit(1))], [1, 1, 1, 1]);
  await assert.rejects(unit(2), /unit 2 can't be read/);
  assert.deepEqual([...(await unit(3))], [3, 3, 3, 3]);
});

test("eight units that were asked for stay as they are, whatever is read ahead", async () => {
  const { unit } = cacheOf(2);
  const views: Uint8Array[] = [];
  for (let at = 0; at < 8; at++) views.push(await unit(at));
  await setImmediate();
  assert.deepEqual(
    views.map((view) => view[0]),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
});

test("what a cache gave stays as it is, whatever others read, fail at and close meanwhile", async () => {
  const sizes = fc.constantFrom(4, 8);
  const job = fc.record({
    ...{ unitBytes: sizes, unitsAhead: fc.nat(3), failing: fc.option(fc.nat(30)) },
    asked: fc.oneof(
      fc.array(fc.nat(30), { maxLength: 40 }),
      fc.nat(31).map((length) => Array.from({ length }, (_, unit) => unit)),
    ),
  });
  let last = 0;
  type Job = typeof job extends fc.Arbitrary<infer T> ? T : never;
  const run = async ({ unitBytes, unitsAhead, failing, asked }: Job) => {
    const mark = ++last;
    const turns = () => (mark + asked.length) % 5;
    const cache = new BlockCache({
      ...{ extentBytes: 31 * unitBytes, unitBytes, unitsAhead },
      read: async (offset, into) => {
        into.fill(0);
        for (let turn = turns(); turn >= 0; turn--) await setImmediate();
        if (offset / unitBytes === failing) throw new Error("can't be read");
        for (let at = 0; at < into.length; at++) into[at] = (mark * 7 + offset + at) % 256;
      },
    });
    const given: { readonly at: number; readonly view: Uint8Array }[] = [];
    const isAsItWas = (count: number) =>
      given.slice(-count).every(({ at, view }) => view.every((byte, index) => byte === (mark * 7 + at + index) % 256));
    try {
      for (const unit of asked) {
        given.push({ at: unit * unitBytes, view: await cache.bytes(unit * unitBytes, unitBytes) });
        await setImmediate();
        assert(isAsItWas(8));
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      // One more was read, as far as that went.
      assert(isAsItWas(7));
    } finally {
      cache.close();
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(job, { maxLength: 6 }), async (jobs) => {
      await Promise.all(jobs.map(run));
    }),
    { numRuns: 60 },
  );
});

test("the memory of a cache that was closed is used again, whatever sizes others have", async () => {
  const used = async (unitBytes: number): Promise<ArrayBufferLike[]> => {
    const buffers: ArrayBufferLike[] = [];
    const cache = new BlockCache({
      ...{ extentBytes: 4 * unitBytes, unitBytes },
      read: async (_offset, into) => void buffers.push(into.buffer),
    });
    for (let unit = 0; unit < 4; unit++) await cache.bytes(unit * unitBytes, unitBytes);
    cache.close();
    return buffers;
  };
  const first = await used(16);
  await used(32);
  assert.deepEqual(new Set(await used(16)), new Set(first));
});
