import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesAt, initiatorAt, makeDisk, targetName } from "./disks.ts";

const blockBytes = 512;
const blocks = 4096;

/** Where and how long, with what, and what happens there. */
const step = fc
  .record({
    does: fc.constantFrom("write", "write", "read", "unmap", "mapped", "flush"),
    block: fc.nat(blocks - 1),
    length: fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: blocks })),
    seed: fc.integer({ min: 1, max: 255 }),
  })
  .map(({ block, length, ...rest }) => ({ ...rest, block, length: Math.min(length, blocks - block) }));

/** Bytes that tell their place, so that a piece in the wrong place shows. */
const content = (seed: number, length: number): Buffer =>
  Buffer.from(Uint32Array.from({ length: length / 4 }, (_, word) => Math.imul(word + 1, 0x9e3779b1 ^ seed)).buffer);

for (const [pdus, sessions] of [
  ["large", 3],
  ["small", 1],
] as const) {
  test(`what is written, unmapped and read in any order is what a buffer and the file have: ${pdus} PDUs`, async (context) => {
    const { tgt, file, sizeBytes } = await makeDisk(context, { sizeBytes: blocks * blockBytes, pdus });
    const limits = { requestBytes: 48 * 1024, requestsInFlight: 5 };
    const lun = await initiatorAt(context, tgt, { limits }).openLun({ targetName, lun: 1, sessions });
    const model = Buffer.alloc(sizeBytes);
    const does = {
      write: async (offset: number, length: number, seed: number) => {
        const data = content(seed, length);
        data.copy(model, offset);
        await lun.write(offset, data);
      },
      unmap: async (offset: number, length: number) => {
        model.fill(0, offset, offset + length);
        await lun.unmap(offset, length);
      },
      read: async (offset: number, length: number) => {
        const into = Buffer.alloc(length, 0xee);
        await lun.read(offset, into);
        assert.ok(into.equals(model.subarray(offset, offset + length)));
      },
      mapped: async (offset: number, length: number) => {
        let at = offset;
        for (const range of (await lun.mapped(offset, length)) ?? []) {
          assert.equal(range.offset, at);
          at += range.length;
          assert.ok(range.isMapped || model.subarray(range.offset, at).every((byte) => byte === 0));
        }
        assert.equal(at, offset + length);
      },
      flush: async (offset: number, length: number) => {
        await lun.flush();
        assert.ok((await bytesAt(file, offset, length)).equals(model.subarray(offset, offset + length)));
      },
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 40 }), async (steps) => {
        for (const each of steps) {
          await does[each.does as keyof typeof does](each.block * blockBytes, each.length * blockBytes, each.seed);
        }
        await does.flush(0, sizeBytes);
        await does.read(0, sizeBytes);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
}
