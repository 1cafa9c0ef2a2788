import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { importImage } from "./import.ts";
import { pieceBytes } from "./pieces.ts";
import { RawFile } from "./raw-file.ts";
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
        assert.deepEqual(result, {
          volumeId: "vol-1",
          objectId: "object-vol-1",
          sizeBytes: image.length,
          writtenBytes,
          zeroedBytes: 0,
        });
        assert.equal(storage.bytesOf("write"), writtenBytes);
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
      ],
    );
  });

  test("flushes after every 64 MiB that it wrote", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, Buffer.alloc(130 * 2 ** 20, 1));
    const storage = new MemoryStorage();
    await importImage({ file, storage, name: "disk", kind: "volume", signal });
    const flushes = storage.log.flatMap(({ call }, index) => (call === "flush" ? [index] : []));
    assert.deepEqual(flushes, [64, 129]);
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

  test("makes no volume when the store fails, and when it is told to stop", async (context) => {
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

  test("is refused where a cluster can't take a volume all at once", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks([1]));
    const importing = importImage({ file, storage: { kind: "other" }, name: "disk", kind: "volume", signal });
    await assert.rejects(importing, { code: "IMPORT_UNSUPPORTED" });
  });
});

describe("importing into a volume that is there", () => {
  test("makes it equal to the image, and touches no block that is equal already", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await fc.assert(
      fc.asyncProperty(contents, contents, async (wanted, numbers) => {
        const storage = new MemoryStorage();
        const held = wanted.map((_, index) => numbers[index] ?? 0);
        storage.volumes.set("vol-9", blocks(held));
        await writeFile(file, blocks(wanted));
        const result = await importImage({ file, storage, into: "vol-9", signal });
        assert.deepEqual(storage.volumes.get("vol-9"), blocks(wanted));
        const differing = wanted.filter((number, index) => number !== held[index]);
        const zeroedBytes = differing.filter((number) => number === 0).length * blockBytes;
        const writtenBytes = differing.length * blockBytes - zeroedBytes;
        assert.deepEqual([result.writtenBytes, result.zeroedBytes], [writtenBytes, zeroedBytes]);
        assert.deepEqual([storage.bytesOf("write"), storage.bytesOf("zero")], [writtenBytes, zeroedBytes]);
      }),
      { numRuns: 50 },
    );
  });

  test("refuses an image of another size, smaller or larger, says what to do, and leaves the volume as it is", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    const storage = new MemoryStorage();
    storage.volumes.set("vol-9", blocks([2, 2]));
    await writeFile(file, blocks([1, 1, 1]));
    await assert.rejects(importImage({ file, storage, into: "vol-9", signal }), {
      code: "VOLUME_TOO_SMALL",
      hint: /--resize/,
    });
    await writeFile(file, blocks([1]));
    for (const resize of [false, true]) {
      await assert.rejects(importImage({ file, storage, into: "vol-9", resize, signal }), { code: "IMAGE_TOO_SMALL" });
    }
    assert.deepEqual(storage.volumes.get("vol-9"), blocks([2, 2]));
    assert.deepEqual([storage.log, storage.openHandles], [[], 0]);
  });

  test("lets it grow to the image's size when told to", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    const storage = new MemoryStorage();
    storage.volumes.set("vol-9", blocks([2, 2]));
    await writeFile(file, blocks([2, 1, 1, 0]));
    const result = await importImage({ file, storage, into: "vol-9", resize: true, signal });
    assert.deepEqual(storage.volumes.get("vol-9"), blocks([2, 1, 1, 0]));
    assert.deepEqual([result.sizeBytes, result.writtenBytes], [4 * blockBytes, 2 * blockBytes]);
  });

  test("leaves it as it was when it fails or is told to stop, at whatever byte", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await writeFile(file, blocks(Array(40).fill(1)));
    const storage = new MemoryStorage();
    const before = blocks(Array(40).fill(2));
    storage.volumes.set("vol-9", before);
    for (const stopAfter of [1, 2, 3]) {
      const stop = new AbortController();
      let pieces = 0;
      const onProgress = () => {
        pieces += 1;
        if (pieces === stopAfter) stop.abort(new Error("enough"));
      };
      await assert.rejects(importImage({ file, storage, into: "vol-9", signal: stop.signal, onProgress }), /enough/);
      assert.deepEqual(storage.volumes.get("vol-9"), before);
    }
    storage.failAfterBytes = 39 * blockBytes;
    await assert.rejects(importImage({ file, storage, into: "vol-9", signal }), { code: "STORE_FULL" });
    assert.deepEqual(storage.volumes.get("vol-9"), before);
    assert.equal(storage.openHandles, 0);
  });
});

describe("a sparse image", () => {
  /** Data in the pieces that are named, of 1 MiB, and holes between. */
  const sparse = async (file: string, pieces: readonly number[], sizeBytes: number): Promise<void> => {
    const handle = await open(file, "w");
    await handle.truncate(sizeBytes);
    for (const piece of pieces) await handle.write(Buffer.alloc(blockBytes, 1), 0, blockBytes, piece * pieceBytes);
    await handle.close();
  };
  test("zeros what the volume holds where it has a hole", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    await sparse(file, [1], 3 * pieceBytes);
    const storage = new MemoryStorage();
    storage.volumes.set("vol-9", Buffer.alloc(3 * pieceBytes, 1));
    const result = await importImage({ file, storage, into: "vol-9", signal });
    const expected = Buffer.alloc(3 * pieceBytes);
    expected.fill(1, pieceBytes, pieceBytes + blockBytes);
    assert.deepEqual(storage.volumes.get("vol-9"), expected);
    assert.equal(result.zeroedBytes, 3 * pieceBytes - blockBytes);
  });

  test("that is all hole is given up as soon as it is told to", async (context) => {
    const folder = await temporaryFolder(context);
    const file = join(folder, "disk.raw");
    await sparse(file, [], 64 * pieceBytes);
    const storage = new MemoryStorage();
    storage.volumes.set("vol-9", Buffer.alloc(64 * pieceBytes));
    const stop = new AbortController();
    const pieces: number[] = [];
    const onProgress = ({ doneBytes }: { doneBytes: number }) => {
      // As a signal comes: when the process is back at its event loop.
      if (pieces.push(doneBytes) === 1) setImmediate(() => stop.abort(new Error("enough")));
    };
    await assert.rejects(importImage({ file, storage, into: "vol-9", signal: stop.signal, onProgress }), /enough/);
    assert.ok(pieces.length < 8, `${pieces.length}`);
  });

  test("comes in the same where nothing tells its holes", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, false);
    const file = join(folder, "disk.raw");
    await sparse(file, [0, 2], 4 * pieceBytes);
    const storage = new MemoryStorage();
    const { volumeId, writtenBytes } = await importImage({ file, storage, name: "d", kind: "lun", signal });
    assert.equal(writtenBytes, 2 * blockBytes);
    assert.deepEqual(storage.volumes.get(volumeId), await readFile(file));
  });
});

describe("an image of which holes are told that are none", () => {
  /** What GNU tar says of a file that is one hole: records about it, and a map without a range. */
  const tarOfOneHole = (sizeBytes: number): Buffer => {
    const archive = Buffer.alloc(4 * 512);
    const records = `22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n30 GNU.sparse.realsize=${sizeBytes}\n`;
    archive.write(`${records.length.toString(8).padStart(11, "0")}\0`, 124);
    archive.write("x", 156);
    archive.write(records, 512);
    archive.write("0\n", 3 * 512);
    return archive;
  };

  test("comes in as it reads", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, false);
    const file = join(folder, "disk.raw");
    const handle = await open(file, "w");
    await handle.write(Buffer.alloc(pieceBytes, 1));
    await handle.truncate(4 * pieceBytes);
    await handle.close();
    await writeFile(join(folder, "archive"), tarOfOneHole(4 * pieceBytes));
    await writeFile(join(folder, "bin", "tar"), `#!/bin/sh\nexec /bin/cat ${join(folder, "archive")}\n`, {
      mode: 0o755,
    });
    const storage = new MemoryStorage();
    const { volumeId, writtenBytes } = await importImage({ file, storage, name: "d", kind: "lun", signal });
    assert.equal(writtenBytes, pieceBytes);
    assert.deepEqual(storage.volumes.get(volumeId), await readFile(file));
  });

  test("is read whole where the file system counts nothing that it has allocated", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    const handle = await open(file, "w");
    await handle.truncate(4 * pieceBytes);
    await handle.close();
    assert.equal((await stat(file)).blocks, 0);
    const raw = await RawFile.open(file);
    context.after(() => raw.close());
    assert.deepEqual(await raw.dataRanges(signal), [{ offset: 0, length: 4 * pieceBytes }]);
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

  const changed = async (file: string, change: (handle: FileHandle) => Promise<unknown>): Promise<void> => {
    const handle = await open(file, "r+");
    await change(handle);
    await handle.close();
  };

  test("is noticed when it gets shorter, or is written to, while it is read", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    const cases = [
      [(handle: FileHandle) => handle.truncate(40 * blockBytes), /ends at byte/],
      [(handle: FileHandle) => handle.write(Buffer.alloc(512, 2), 0, 512, 0), /was written to while it was read/],
    ] as const;
    for (const [change, message] of cases) {
      await writeFile(file, blocks(Array(64).fill(1)));
      const storage = new MemoryStorage();
      let changing: Promise<unknown> | undefined;
      storage.onWrite = async () => {
        changing ??= changed(file, change);
        await changing;
      };
      await assert.rejects(importImage({ file, storage, name: "disk", kind: "volume", signal }), {
        code: "IMAGE_UNREADABLE",
        message,
      });
      assert.equal(storage.volumes.size, 0);
    }
  });
});
