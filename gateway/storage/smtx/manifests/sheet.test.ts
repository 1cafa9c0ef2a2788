import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../../core/api/errors.ts";
import { deviceBlockBytes } from "../ledger/device.ts";
import { MemoryDevice } from "../ledger/testing/memory-device.ts";
import { readSheet, writeSheet } from "./sheet.ts";

const area = { offset: 2 * deviceBlockBytes, bytes: 16 * deviceBlockBytes };
const text = JSON.stringify(Array.from({ length: 400 }, (_, n) => ({ id: `${n * 7919}`, n })));

const written = async () => {
  const device = new MemoryDevice(area.offset + area.bytes);
  await writeSheet(device, area, { number: 3, text }, {});
  return device;
};

describe("a sheet", () => {
  test("is read as it was written, and writes nothing outside its area", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 5000 }), fc.nat(2 ** 40), async (any, number) => {
        const device = new MemoryDevice(area.offset + area.bytes + deviceBlockBytes);
        const well = any.toWellFormed();
        await writeSheet(device, area, { number, text: well });
        assert.deepEqual(await readSheet(device, area), { number, text: well });
        const before = Buffer.alloc(area.offset);
        await device.read(0, before);
        assert(before.every((byte) => byte === 0));
      }),
      { numRuns: 60 },
    );
  });

  test("of which a byte is not as it was written is none", async () => {
    const device = await written();
    const stored = Buffer.alloc(area.bytes);
    await device.read(area.offset, stored);
    const usedBytes = stored.findLastIndex((byte) => byte !== 0) + 1;
    assert(usedBytes > deviceBlockBytes);
    for (let at = 0; at < usedBytes; at += at < 128 ? 1 : 97) {
      const damaged = Buffer.from(stored);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await device.write(area.offset, damaged);
      assert.equal(await readSheet(device, area), undefined, `byte ${at}`);
    }
  });

  test("that was written in part is none", async () => {
    const device = await written();
    await writeSheet(device, area, { number: 4, text: "short" });
    const before = await written();
    const head = Buffer.alloc(deviceBlockBytes);
    await device.read(area.offset, head);
    await before.write(area.offset, head);
    assert.equal(await readSheet(before, area), undefined);
  });

  test("is none where nothing was written", async () => {
    const device = new MemoryDevice(area.offset + area.bytes);
    assert.equal(await readSheet(device, area), undefined);
  });

  test("that is larger than its area is refused, and what was there stays", async () => {
    const device = await written();
    const large = Array.from({ length: 200_000 }, () => Math.random().toString(36)).join("");
    await assert.rejects(writeSheet(device, area, { number: 4, text: large }), (error) =>
      VisibleError.is(error, "STORE_FULL"),
    );
    assert.equal((await readSheet(device, area))?.text, text);
  });
});
