import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { importImage } from "./import.ts";
import { MemoryStorage, signal, temporaryFolder, withQemuImg } from "./testing.ts";

/** Blocks of 64 KiB: 0 is zeros, any other number that byte throughout. */
const blocks = (numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(numbers.length * blockBytes);
  numbers.forEach((number, index) => {
    bytes.fill(number, index * blockBytes, (index + 1) * blockBytes);
  });
  return bytes;
};
const contents = fc.array(fc.nat(2), { minLength: 1, maxLength: 40 });

describe("importing into a new volume", () => {
  test("makes a volume of the image's size with its bytes, and writes no block of zeros", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await fc.assert(
      fc.asyncProperty(contents, fc.nat(127), async (numbers, cutSectors) => {
        const image = blocks(numbers).subarray(0, numbers.length * blockBytes - cutSectors * 512);
        await writeFile(file, image);
        const storage = new MemoryStorage();
        const result = await importImage({ file, storage, name: "disk", kind: "volume", signal });
        assert.deepEqual(storage.volumes.get(result.volumeId), image);
        const cut = numbers.at(-1) === 0 ? 0 : cutSectors * 512;
        const writtenBytes = numbers.filter((number) => number !== 0).length * blockBytes - cut;
        assert.deepEqual(result, { volumeId: "vol-1", sizeBytes: image.length, writtenBytes, zeroedBytes: 0 });
        assert.equal(storage.bytesOf("write"), writtenBytes);
        assert.equal(storage.log.at(-1)?.call, "flush");
        assert.equal(storage.openHandles, 0);
      }),
      { numRuns: 50 },
    );
  });

  test("writes neighbouring blocks at once, up to a MiB", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, randomBytes(20 * blockBytes));
    const storage = new MemoryStorage();
    await importImage({ file, storage, name: "disk", kind: "volume", signal });
    assert.deepEqual(
      storage.log.map(({ call, length }) => [call, length / blockBytes]),
      [
        ["write", 16],
        ["write", 4],
        ["flush", 0],
      ],
    );
  });

  test("flushes after every 64 MiB that it wrote", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, Buffer.alloc(130 * 2 ** 20, 1));
    const storage = new MemoryStorage();
    await importImage({ file, storage, name: "disk", kind: "volume", signal });
    const flushes = storage.log.flatMap(({ call }, index) => (call === "flush" ? [index] : []));
    assert.deepEqual(flushes, [64, 129, 132]);
  });

  test("says how far it is", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks(Array(20).fill(1)));
    const seen: number[][] = [];
    const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }) =>
      seen.push([doneBytes / blockBytes, totalBytes / blockBytes]);
    await importImage({ file, storage: new MemoryStorage(), name: "d", kind: "volume", signal, onProgress });
    assert.deepEqual(seen, [
      [16, 20],
      [20, 20],
    ]);
  });

  test("deletes the half-made volume when the store fails, and when it is told to stop", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks(Array(40).fill(1)));
    const storage = new MemoryStorage();
    storage.failAfterBytes = 20 * blockBytes;
    await assert.rejects(importImage({ file, storage, name: "disk", kind: "volume", signal }), { code: "STORE_FULL" });
    storage.failAfterBytes = Number.POSITIVE_INFINITY;
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    await assert.rejects(
      importImage({ file, storage, name: "disk", kind: "volume", signal: stop.signal, onProgress }),
      /enough/,
    );
    assert.equal(storage.volumes.size, 0);
    assert.equal(storage.openHandles, 0);
  });

  test("names the half-made volume that it could not delete", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks([1]));
    const storage = new MemoryStorage();
    storage.failAfterBytes = 0;
    storage.deleteFails = true;
    await assert.rejects(importImage({ file, storage, name: "disk", kind: "volume", signal }), (error) => {
      assert.ok(VisibleError.is(error, "STORE_FULL"));
      assert.match(error.message, /The store is full.*“disk” \(vol-1\) could not be deleted/);
      return true;
    });
  });
});

describe("importing into a volume that is there", () => {
  test("makes it equal to the image, touches no block that is equal already, and nothing past the end", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await fc.assert(
      fc.asyncProperty(contents, contents, async (wanted, held) => {
        const storage = new MemoryStorage();
        while (held.length < wanted.length) held.push(0);
        storage.volumes.set("vol-9", blocks(held));
        await writeFile(file, blocks(wanted));
        const result = await importImage({ file, storage, into: "vol-9", signal });
        assert.deepEqual(storage.volumes.get("vol-9"), blocks([...wanted, ...held.slice(wanted.length)]));
        const differing = wanted.filter((number, index) => number !== held[index]);
        const zeroedBytes = differing.filter((number) => number === 0).length * blockBytes;
        const writtenBytes = differing.length * blockBytes - zeroedBytes;
        assert.deepEqual([result.writtenBytes, result.zeroedBytes], [writtenBytes, zeroedBytes]);
        assert.deepEqual([storage.bytesOf("write"), storage.bytesOf("zero")], [writtenBytes, zeroedBytes]);
      }),
      { numRuns: 50 },
    );
  });

  test("refuses a volume that is smaller, and leaves it as it is", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks([1, 1]));
    const storage = new MemoryStorage();
    storage.volumes.set("vol-9", blocks([2]));
    await assert.rejects(importImage({ file, storage, into: "vol-9", signal }), { code: "VOLUME_TOO_SMALL" });
    assert.deepEqual(storage.volumes.get("vol-9"), blocks([2]));
    assert.equal(storage.openHandles, 0);
  });

  test("keeps the volume when it fails, and goes on from there the next time", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks(Array(40).fill(1)));
    const storage = new MemoryStorage();
    storage.volumes.set("vol-9", blocks(Array(40).fill(2)));
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    await assert.rejects(importImage({ file, storage, into: "vol-9", signal: stop.signal, onProgress }), /enough/);
    const again = await importImage({ file, storage, into: "vol-9", signal });
    assert.equal(again.writtenBytes, 24 * blockBytes);
  });
});

describe("an image that cannot be read", () => {
  test("is refused before a volume is made: missing, a folder, empty, cut inside a sector", async (context) => {
    const folder = await temporaryFolder(context);
    await mkdir(join(folder, "folder"));
    await writeFile(join(folder, "empty"), "");
    await writeFile(join(folder, "odd"), Buffer.alloc(1000));
    const storage = new MemoryStorage();
    for (const name of ["missing", "folder", "empty", "odd"]) {
      const importing = importImage({ file: join(folder, name), storage, name, kind: "volume", signal });
      await assert.rejects(importing, { code: "IMAGE_UNREADABLE" }, name);
    }
    assert.equal(storage.volumes.size, 0);
  });

  test("is noticed when it gets shorter while it is read", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks(Array(64).fill(1)));
    const storage = new MemoryStorage();
    let cut: Promise<void> | undefined;
    const write = MemoryStorage.prototype.openVolume;
    context.mock.method(storage, "openVolume", async (volumeId: string) => {
      const volume = await write.call(storage, volumeId);
      return {
        ...volume,
        write: async (offset: number, data: Uint8Array) => {
          cut ??= truncate(file, 40 * blockBytes);
          await cut;
          await volume.write(offset, data);
        },
      };
    });
    await assert.rejects(importImage({ file, storage, name: "disk", kind: "volume", signal }), {
      code: "IMAGE_UNREADABLE",
      message: /ends at byte/,
    });
    assert.equal(storage.volumes.size, 0);
  });
});

describe("an image that is not raw", () => {
  const qcow2 = (content: Buffer) => Buffer.concat([Buffer.from("QFI\xfb", "latin1"), content]);

  test("is converted by qemu-img, and the raw copy goes", async (context) => {
    const folder = await temporaryFolder(context);
    const temporary = await withQemuImg(context, folder, true);
    const file = join(folder, "disk:1.qcow2");
    const content = randomBytes(3 * blockBytes);
    await writeFile(file, qcow2(content));
    const storage = new MemoryStorage();
    const { volumeId } = await importImage({ file, storage, name: "disk", kind: "lun", signal });
    assert.deepEqual(storage.volumes.get(volumeId), content);
    assert.deepEqual(await readdir(temporary), []);
  });

  test("that qemu-img cannot read is refused in its words, and the raw copy goes", async (context) => {
    const folder = await temporaryFolder(context);
    const temporary = await withQemuImg(context, folder, true);
    const file = join(folder, "broken.qcow2");
    await writeFile(file, qcow2(Buffer.alloc(512)));
    await assert.rejects(importImage({ file, storage: new MemoryStorage(), name: "d", kind: "lun", signal }), {
      code: "IMAGE_UNREADABLE",
      message: /Image is corrupt/,
    });
    assert.deepEqual(await readdir(temporary), []);
  });

  test("is left alone as soon as it is told to stop", { timeout: 10_000 }, async (context) => {
    const folder = await temporaryFolder(context);
    const temporary = await withQemuImg(context, folder, true);
    const file = join(folder, "slow.qcow2");
    await writeFile(file, qcow2(Buffer.alloc(512)));
    const storage = new MemoryStorage();
    const importing = importImage({ file, storage, name: "d", kind: "lun", signal: AbortSignal.timeout(100) });
    await assert.rejects(importing, { name: "TimeoutError" });
    assert.deepEqual(await readdir(temporary), []);
    assert.equal(storage.volumes.size, 0);
  });

  test("is never taken for raw where there is no qemu-img, whatever its format", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, false);
    for (const magic of ["QFI\xfb", "KDMV", "vhdxfile"]) {
      const file = join(folder, "disk");
      await writeFile(file, Buffer.concat([Buffer.from(magic, "latin1"), Buffer.alloc(1024)]).subarray(0, 1024));
      await assert.rejects(importImage({ file, storage: new MemoryStorage(), name: "d", kind: "lun", signal }), {
        code: "TOOL_MISSING",
        hint: /apt-get install qemu-utils/,
      });
    }
  });
});
