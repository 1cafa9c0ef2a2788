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
