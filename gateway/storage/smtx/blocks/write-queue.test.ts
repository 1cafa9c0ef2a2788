import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import { WriteQueue } from "./write-queue.ts";

const blockBytes = 512;
const KiB = 1024;
const sizeBytes = 4096 * KiB;

/** A LUN in memory that takes each write some turns later, with the bytes as they are then. */
const slowLun = () => {
  const content = Buffer.alloc(sizeBytes);
  let turns = 0;
  const lun: Pick<Lun, "blockBytes" | "sizeBytes" | "read" | "write"> = {
    blockBytes,
    sizeBytes,
    read: async (offset, into) => void content.copy(into, 0, offset, offset + into.length),
    write: async (offset, data) => {
      turns = (turns + 3) % 7;
      for (let turn = 0; turn <= turns; turn++) await setImmediate();
      content.set(data, offset);
    },
  };
  return { content, lun: lun as Lun };
};

const write = fc.record({
  offset: fc.nat({ max: sizeBytes / KiB - 1100 }).map((at) => at * KiB),
  length: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 1100 * KiB })),
  goesOn: fc.boolean(),
});

test("what was written is there when the queue has settled, whoever used its buffers before", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 40 }), async (writes) => {
      const { content, lun } = slowLun();
      const model = Buffer.alloc(sizeBytes);
      const queue = new WriteQueue(lun);
      let [end, byte] = [0, 0];
      for (const { offset, length, goesOn } of writes) {
        const at = goesOn && end + length <= sizeBytes ? end : offset;
        byte = (byte % 255) + 1;
        const data = Buffer.alloc(Math.min(length, sizeBytes - at), byte);
        model.set(data, at);
        await queue.write(at, data);
        // Whoever gave it may do with it what he wants.
        data.fill(0);
        end = at + data.length;
      }
      await queue.settle();
      assert(content.equals(model));
    }),
    { numRuns: 30 },
  );
});

/** Writes wait until they are told how they end. */
const heldLun = () => {
  const held: PromiseWithResolvers<void>[] = [];
  const { lun } = slowLun();
  const write = () => {
    const one = Promise.withResolvers<void>();
    held.push(one);
    return one.promise;
  };
  return { held, lun: { ...lun, write } as unknown as Lun };
};

test("a queue that ends waits for what is under way, also of a call that was called off, and sends no more", async () => {
  const { held, lun } = heldLun();
  const queue = new WriteQueue(lun);
  const stop = new AbortController();
  const call = { signal: stop.signal };
  await queue.write(0, Buffer.alloc(KiB), call);
  await queue.write(8 * KiB, Buffer.alloc(KiB), call);
  const settling = queue.settle(call);
  await setImmediate();
  stop.abort(new Error("called off"));
  await assert.rejects(settling, /called off/);
  await assert.rejects(queue.write(16 * KiB, Buffer.alloc(KiB)), /called off/);
  let ended: boolean | undefined;
  const ending = queue.end().then((isOver) => {
    ended = isOver;
  });
  assert.equal(held.length, 2);
  held[0]?.resolve();
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.equal(ended, undefined);
  held[1]?.resolve();
  await ending;
  assert.deepEqual([ended, held.length], [true, 2]);
});

test("a queue that ends after a failed write does not say that all is over", async () => {
  const { held, lun } = heldLun();
  const queue = new WriteQueue(lun);
  await queue.write(0, Buffer.alloc(KiB));
  await queue.write(8 * KiB, Buffer.alloc(KiB));
  await setImmediate();
  held[0]?.reject(new Error("lost"));
  assert.equal(await queue.end(), false);
  assert.equal(held.length, 1);
});
