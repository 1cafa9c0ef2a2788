import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { chmod, mkdir, open, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { exportImage, streamImage } from "./export.ts";
import { importImage } from "./import.ts";
import { MemoryStorage, signal, temporaryFolder, withQemuImg } from "./testing.ts";

/** A block of chance at either end of 64 blocks, and an odd sector. */
const content = Buffer.concat([randomBytes(blockBytes), Buffer.alloc(62 * blockBytes), randomBytes(blockBytes + 512)]);
const sha256 = createHash("sha256").update(content).digest("hex");

const storageWith = (bytes: Buffer): MemoryStorage => {
  const storage = new MemoryStorage();
  storage.volumes.set("snap-1", bytes);
  return storage;
};

describe("exporting", () => {
  test("writes the bytes and their exact size, leaves zeros as holes, and answers with the digest", async (context) => {
    const folder = await temporaryFolder(context);
    const file = join(folder, "disk.raw");
    const storage = storageWith(content);
    const result = await exportImage({ storage, snapshotId: "snap-1", file, format: "raw", signal });
    assert.deepEqual(result, { sizeBytes: content.length, sha256 });
    assert.deepEqual(await readFile(file), content);
    assert.ok((await stat(file)).blocks * 512 < 8 * blockBytes);
    assert.deepEqual(await readdir(folder), ["disk.raw"]);
    assert.equal(storage.openHandles, 0);
  });

  test("a volume that is all zeros is a file that is all hole", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    const storage = storageWith(Buffer.alloc(3 * 2 ** 20));
    await exportImage({ storage, volumeId: "snap-1", file, format: "raw", signal });
    const { size, blocks } = await stat(file);
    assert.deepEqual([size, blocks], [3 * 2 ** 20, 0]);
  });

  test("refuses a file that is there, also one that came while it was written, and leaves no trace", async (context) => {
    const folder = await temporaryFolder(context);
    const file = join(folder, "disk.raw");
    await writeFile(file, "yesterday");
    const storage = storageWith(content);
    const options = { storage, snapshotId: "snap-1", file, format: "raw", signal } as const;
    await assert.rejects(exportImage(options), { code: "IMAGE_EXISTS", hint: /--force/ });
    await rm(file);
    const onProgress = () => writeFileSync(file, "somebody else's");
    await assert.rejects(exportImage({ ...options, onProgress }), { code: "IMAGE_EXISTS" });
    assert.equal(await readFile(file, "utf8"), "somebody else's");
    assert.deepEqual(await readdir(folder), ["disk.raw"]);
    assert.equal(storage.openHandles, 0);
  });

  test("over a file of mode 600 leaves 600, and a new file is this user's alone", async (context) => {
    const folder = await temporaryFolder(context);
    const storage = storageWith(content);
    const umask = process.umask(0);
    context.after(() => process.umask(umask));
    const modeAfter = async (name: string, mode?: number): Promise<number> => {
      const file = join(folder, name);
      if (mode !== undefined) {
        await writeFile(file, "yesterday");
        await chmod(file, mode);
      }
      await exportImage({ storage, snapshotId: "snap-1", file, format: "raw", signal, force: true });
      return (await stat(file)).mode & 0o777;
    };
    assert.equal(await modeAfter("private", 0o600), 0o600);
    assert.equal(await modeAfter("group", 0o640), 0o640);
    assert.equal(await modeAfter("new"), 0o600);
  });

  test("on a disk that is full says so, and leaves no trace", async (context) => {
    const folder = await temporaryFolder(context);
    const file = join(folder, "disk.raw");
    const handle = await open(join(folder, "any"), "w");
    context.mock.method(Object.getPrototypeOf(handle), "write", async () => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    });
    await handle.close();
    const storage = storageWith(content);
    const exporting = exportImage({ storage, snapshotId: "snap-1", file, format: "raw", signal });
    await assert.rejects(exporting, { code: "STORE_FULL", message: `There is no room left for “${file}”.` });
    assert.deepEqual(await readdir(folder), ["any"]);
  });

  test("with force it replaces a file that is there once the new one is complete, and not before", async (context) => {
    const folder = await temporaryFolder(context);
    const file = join(folder, "disk.raw");
    await writeFile(file, "yesterday");
    const storage = storageWith(content);
    storage.failAfterBytes = 2 * 2 ** 20;
    const options = { storage, snapshotId: "snap-1", file, format: "raw", signal, force: true } as const;
    await assert.rejects(exportImage(options), { code: "STORE_CORRUPT" });
    const stop = new AbortController();
    const onProgress = () => stop.abort(new Error("enough"));
    await assert.rejects(exportImage({ ...options, signal: stop.signal, onProgress }), /enough/);
    assert.equal(await readFile(file, "utf8"), "yesterday");
    assert.deepEqual(await readdir(folder), ["disk.raw"]);
    assert.equal(storage.openHandles, 0);
    storage.failAfterBytes = Number.POSITIVE_INFINITY;
    await exportImage(options);
    assert.deepEqual(await readFile(file), content);
  });

  test("refuses what is no ordinary file, and a folder that is not there", async (context) => {
    const folder = await temporaryFolder(context);
    await mkdir(join(folder, "folder"));
    await symlink("elsewhere", join(folder, "link"));
    const storage = storageWith(content);
    for (const name of ["folder", "link", "missing/disk.raw"]) {
      const file = join(folder, name);
      const exporting = exportImage({ storage, snapshotId: "snap-1", file, format: "raw", signal, force: true });
      await assert.rejects(exporting, { code: "IMAGE_UNWRITABLE" }, name);
    }
    assert.deepEqual((await readdir(folder)).sort(), ["folder", "link"]);
    assert.equal(storage.openHandles, 0);
  });

  test("a snapshot or volume that is not there is the storage's error", async (context) => {
    const file = join(await temporaryFolder(context), "disk.raw");
    const exporting = exportImage({ storage: new MemoryStorage(), volumeId: "vol-7", file, format: "raw", signal });
    await assert.rejects(exporting, { code: "VOLUME_UNKNOWN" });
  });

  test("to qcow2 goes through qemu-img and comes back the same, with the digest of the disk's bytes", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, true);
    const file = join(folder, "disk.qcow2");
    const storage = storageWith(content);
    const result = await exportImage({ storage, snapshotId: "snap-1", file, format: "qcow2", signal });
    assert.deepEqual(result, { sizeBytes: content.length, sha256 });
    assert.deepEqual((await readdir(folder)).sort(), ["bin", "disk.qcow2", "tmp"]);
    const { volumeId } = await importImage({ file, storage, name: "again", kind: "volume", signal });
    assert.deepEqual(storage.volumes.get(volumeId), content);
  });

  test("to qcow2 without qemu-img is refused before anything is read", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, false);
    const file = join(folder, "disk.qcow2");
    const storage = storageWith(content);
    storage.failAfterBytes = 0;
    await assert.rejects(exportImage({ storage, snapshotId: "snap-1", file, format: "qcow2", signal }), {
      code: "TOOL_MISSING",
    });
    assert.deepEqual((await readdir(folder)).sort(), ["bin", "tmp"]);
  });
});

describe("exporting to a stream", () => {
  test("gives every byte in order, zeros too, each once the one before is taken", async () => {
    const storage = storageWith(content);
    const written: Buffer[] = [];
    let writing = 0;
    const write = async (bytes: Uint8Array) => {
      assert.equal(writing++, 0);
      await new Promise((resolve) => setImmediate(resolve));
      written.push(Buffer.from(bytes));
      writing--;
    };
    const result = await streamImage({ storage, snapshotId: "snap-1", signal, write });
    assert.deepEqual(Buffer.concat(written), content);
    assert.deepEqual(result, { sizeBytes: content.length, sha256 });
    assert.equal(storage.openHandles, 0);
  });

  test("ends when nobody takes it any more, and when it is told to", async () => {
    const storage = storageWith(content);
    const closed = new Error("write EPIPE");
    const write = () => Promise.reject(closed);
    await assert.rejects(streamImage({ storage, volumeId: "snap-1", signal, write }), closed);
    const stop = new AbortController();
    // As a signal comes: while nobody waits for anything.
    setImmediate(() => stop.abort(new Error("enough")));
    const taking = streamImage({ storage, volumeId: "snap-1", signal: stop.signal, write: async () => undefined });
    await assert.rejects(taking, /enough/);
    assert.equal(storage.openHandles, 0);
  });
});
