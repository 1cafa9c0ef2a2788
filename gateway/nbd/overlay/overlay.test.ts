import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import fc from "fast-check";
import { blockBytes, blocksOf, MemoryExport } from "../testing.ts";
import { areaBytes } from "./block-map.ts";
import { Overlay } from "./overlay.ts";

const temporary = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-overlay-"));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
};

const over = async (context: TestContext, base: MemoryExport, bytesMax = 100 * blockBytes) => {
  const folder = await temporary(context);
  const overlay = await Overlay.over(base, { folder, bytesMax });
  context.after(() => overlay.close());
  const read = async (offset = 0, length = overlay.sizeBytes - offset) => {
    const into = Buffer.alloc(length, "?");
    await overlay.read(offset, into);
    return into;
  };
  const holes = async () => {
    let letters = "";
    while (letters.length * blockBytes < overlay.sizeBytes) {
      for (const { length, isHole } of await overlay.extents(letters.length * blockBytes, overlay.sizeBytes)) {
        letters += (isHole ? "." : "x").repeat(Math.ceil(length / blockBytes));
      }
    }
    return letters;
  };
  return { overlay, folder, read, holes };
};

describe("an overlay", () => {
  test("reads as what was written last, and leaves the base as it was", async (context) => {
    const content = Buffer.concat([blocksOf("ab..c"), Buffer.from("an odd end")]);
    const base = new MemoryExport(Buffer.from(content));
    const { overlay, read } = await over(context, base);
    const model = Buffer.from(content);
    const range = fc.tuple(fc.nat(content.length - 1), fc.integer({ min: 1, max: 2 * blockBytes + 9 }));
    const step = fc.tuple(fc.constantFrom("write", "zero"), range, fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        await Promise.all(
          steps.map(([kind, [offset, wanted], byte]) => {
            const length = Math.min(wanted, content.length - offset);
            model.fill(kind === "zero" ? 0 : byte, offset, offset + length);
            return kind === "zero"
              ? overlay.write.zero(offset, length)
              : overlay.write.write(offset, Buffer.alloc(length, byte));
          }),
        );
        assert(model.equals(await read()), "it reads as something else");
      }),
      { numRuns: 60 },
    );
    assert(base.content.equals(content));
  });

  test("says what is a hole now", async (context) => {
    const { overlay, holes } = await over(context, new MemoryExport(blocksOf("ab..c.")));
    await overlay.write.write(2 * blockBytes, Buffer.from("x"));
    await overlay.write.zero(0, blockBytes);
    await overlay.write.zero(4 * blockBytes, 10);
    assert.equal(await holes(), ".xx.x.");
  });

  test("of a disk of 64 TiB notes what was zeroed as a whole in little room, and finds what lies between", async (context) => {
    const sizeBytes = 64 * 2 ** 40;
    const base = {
      name: "large",
      sizeBytes,
      read: async (_: number, into: Uint8Array) => void into.fill(1),
      extents: async (_: number, length: number) => [{ length, isHole: false }],
    };
    const overlay = await Overlay.over(base, { folder: await temporary(context), bytesMax: 10 * blockBytes });
    context.after(() => overlay.close());
    for (let at = 0; at < 2 ** 40; at += 2 ** 32) {
      await overlay.write.zero(at, at === 2 ** 39 - 2 ** 32 ? 2 ** 32 - blockBytes : 2 ** 32);
    }
    await overlay.write.write(2 ** 39 + 5, Buffer.from("x"));
    const into = Buffer.alloc(8);
    await overlay.read(2 ** 39 + 1, into);
    assert.deepEqual([...into], [0, 0, 0, 0, 120, 0, 0, 0]);
    await overlay.read(2 ** 39 - 4, into);
    assert.deepEqual([...into], [1, 1, 1, 1, 0, 0, 0, 0]);
    assert.deepEqual(await overlay.extents(0, areaBytes), [{ length: areaBytes, isHole: true }]);
  });

  test("that is full says so, loses nothing of what it has, and has room again for what was zeroed", async (context) => {
    const { overlay, read } = await over(context, new MemoryExport(blocksOf("abcdef")), 2 * blockBytes + 100);
    await overlay.write.write(0, blocksOf("xy"));
    await assert.rejects(overlay.write.write(2 * blockBytes, Buffer.from("z")), {
      code: "STORE_FULL",
      message: /holds 131172 bytes of writes at most/,
    });
    assert.deepEqual(await read(), blocksOf("xycdef"));
    await overlay.write.write(0, blocksOf("pq"));
    await overlay.write.zero(0, blockBytes);
    await overlay.write.write(5 * blockBytes, Buffer.from("z"));
    assert.equal(overlay.usedBytes, 2 * blockBytes);
    assert.equal((await read(5 * blockBytes, 2)).toString(), "zf");
  });

  test("that copies a block which can't be read fails the write, and holds nothing for it", async (context) => {
    const base = new MemoryExport(blocksOf("ab"));
    const { overlay, read } = await over(context, base, blockBytes);
    base.onRead = async () => Promise.reject(new Error("damaged"));
    await assert.rejects(overlay.write.write(3, Buffer.from("x")), /damaged/);
    base.onRead = async () => undefined;
    assert.equal(overlay.usedBytes, 0);
    await overlay.write.write(3, Buffer.from("x"));
    assert.equal((await read(2, 3)).toString(), "axa");
  });

  test("has no file that anybody could find, and takes away what a process left that died", async (context) => {
    const folder = await temporary(context);
    await writeFile(join(folder, ".overlay-0123456789abcdef"), "left");
    await writeFile(join(folder, "somebody's"), "other");
    const overlay = await Overlay.over(new MemoryExport(blocksOf("a")), { folder, bytesMax: blockBytes });
    await overlay.write.write(0, Buffer.from("x"));
    assert.deepEqual(await readdir(folder), ["somebody's"]);
    await overlay.close();
  });

  test("is not made in a folder that others may look into", async (context) => {
    const folder = await temporary(context);
    await chmod(folder, 0o755);
    await assert.rejects(Overlay.over(new MemoryExport(blocksOf("a")), { folder, bytesMax: blockBytes }), {
      code: "BAD_REQUEST",
      hint: /chmod 700/,
    });
  });
});
