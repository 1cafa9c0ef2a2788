import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import { describe, test } from "node:test";
import fc from "fast-check";
import { importImage } from "./import.ts";
import { pieceBytes } from "./pieces.ts";
import { MemoryStorage, signal } from "./testing.ts";

const content = randomBytes(2 * pieceBytes + 512);
const importFrom = (input: Readable, sizeBytes: number, options: { storage?: MemoryStorage; format?: "raw" } = {}) => {
  const { storage = new MemoryStorage(), format } = options;
  return importImage({ input, sizeBytes, format, storage, name: "d", kind: "volume", signal });
};

describe("importing from a stream", () => {
  test("brings in all of it, in whatever portions it comes, and ends it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: content.length - 1 }), { maxLength: 6 }), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), content.length];
        const input = Readable.from(at.slice(1).map((end, index) => content.subarray(at[index], end)));
        const storage = new MemoryStorage();
        const result = await importFrom(input, content.length, { storage });
        assert.deepEqual(storage.volumes.get(result.volumeId), content);
        assert.deepEqual([input.destroyed, storage.openHandles], [true, 0]);
      }),
      { numRuns: 15 },
    );
  });

  test("refuses what is shorter or longer than it was said to be, and leaves nothing", async () => {
    for (const [sizeBytes, message] of [
      [content.length + 512, /ended at byte 2097664, and --size says 2098176/],
      [content.length - 512, /goes on after the 2097152 bytes/],
      [1000, /has 1000 bytes, and a disk has whole sectors/],
    ] as const) {
      const storage = new MemoryStorage();
      const input = Readable.from([content]);
      await assert.rejects(importFrom(input, sizeBytes, { storage }), { code: "IMAGE_UNREADABLE", message });
      assert.deepEqual([storage.volumes.size, storage.openHandles, input.destroyed], [0, 0, true]);
    }
  });

  test("refuses a container and an archive by name, also one that only its end gives away", async () => {
    const gzip = Buffer.concat([Buffer.from("\x1f\x8b\x08", "latin1"), content.subarray(3)]);
    const fixedVhd = Buffer.concat([content.subarray(0, -512), Buffer.from("conectix"), Buffer.alloc(504)]);
    for (const [bytes, message] of [
      [gzip, /gzip has compressed/],
      [fixedVhd, /a fixed VHD image/],
    ] as const) {
      const storage = new MemoryStorage();
      const importing = importFrom(Readable.from([bytes]), bytes.length, { storage });
      await assert.rejects(importing, { code: "IMAGE_UNSUPPORTED", message, hint: /--format raw/ });
      assert.equal(storage.volumes.size, 0);
      await importFrom(Readable.from([bytes]), bytes.length, { storage, format: "raw" });
      assert.deepEqual(storage.volumes.get("vol-1"), bytes);
    }
  });

  test("says why when the stream fails, and stops at once when it is told to, though nothing comes", async () => {
    const failing = new PassThrough();
    failing.write(content.subarray(0, 5000));
    failing.destroy(new Error("read EIO"));
    await assert.rejects(importFrom(failing, content.length), { code: "IMAGE_UNREADABLE", message: /read EIO/ });
    const silent = new PassThrough();
    silent.write(content.subarray(0, 5000));
    const stop = new AbortController();
    const storage = new MemoryStorage();
    const options = { input: silent, sizeBytes: content.length, storage, name: "d", kind: "volume" } as const;
    const importing = importImage({ ...options, signal: stop.signal });
    setImmediate(() => stop.abort(new Error("enough")));
    await assert.rejects(importing, /enough/);
    assert.deepEqual([storage.volumes.size, storage.openHandles], [0, 0]);
  });
});
