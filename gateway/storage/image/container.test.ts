import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { importImage } from "./import.ts";
import { MemoryStorage, signal, temporaryFolder, withQemuImg } from "./testing.ts";

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

  test("is refused in words when qemu-img can't read it, finds errors, or finds data behind its end", async (context) => {
    const folder = await temporaryFolder(context);
    const temporary = await withQemuImg(context, folder, true);
    const cases = { broken: /Image is corrupt/, damaged: /qemu-img check finds 533 errors/, short: /it was cut short/ };
    for (const [name, message] of Object.entries(cases)) {
      const file = join(folder, `${name}.qcow2`);
      await writeFile(file, qcow2(Buffer.alloc(512)));
      const storage = new MemoryStorage();
      await assert.rejects(importImage({ file, storage, name: "d", kind: "lun", signal }), {
        code: "IMAGE_UNREADABLE",
        message,
      });
      assert.equal(storage.openHandles, 0);
    }
    assert.deepEqual(await readdir(temporary), []);
  });

  test("is refused when it was written to, or another file has got its name, while it was read", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, true);
    const file = join(folder, "disk.qcow2");
    const content = qcow2(Buffer.alloc(blockBytes, 1));
    const changes = [
      [(): Promise<void> => writeFile(file, content), /was written to while it was read/],
      [(): Promise<void> => rename(`${file}.new`, file), /was replaced by another file while it was read/],
    ] as const;
    for (const [change, message] of changes) {
      await writeFile(file, content);
      await writeFile(`${file}.new`, content);
      const storage = new MemoryStorage();
      storage.onWrite = change;
      await assert.rejects(importImage({ file, storage, name: "d", kind: "lun", signal }), {
        code: "IMAGE_UNREADABLE",
        message,
      });
      assert.equal(storage.volumes.size, 0);
    }
  });

  test("is left alone as soon as it is told to stop", async (context) => {
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
    for (const magic of ["QFI\xfb", "QED\0", "COWD", "vhdxfile", "WithoutFreeSpace", "conectix"]) {
      const file = join(folder, "disk");
      await writeFile(file, Buffer.concat([Buffer.from(magic, "latin1"), Buffer.alloc(1024)]).subarray(0, 1024));
      await assert.rejects(importImage({ file, storage: new MemoryStorage(), name: "d", kind: "lun", signal }), {
        code: "TOOL_MISSING",
        message: /disk” is a .* qemu-img is needed/,
        hint: /apt-get install qemu-utils.*--format raw/,
      });
    }
  });

  test("is never taken for raw when it has lost what tells its format, and its name still does", async (context) => {
    const folder = await temporaryFolder(context);
    const content = Buffer.alloc(blockBytes, 1);
    const endings = ["vhd", "VHD", "vpc", "vhdx", "vmdk", "vdi", "qcow", "qcow2", "qed", "hdd", "dmg"];
    for (const ending of endings) {
      const file = join(folder, `disk.${ending}`);
      await writeFile(file, content);
      const storage = new MemoryStorage();
      await assert.rejects(importImage({ file, storage, name: "d", kind: "lun", signal }), {
        code: "IMAGE_UNREADABLE",
        message: /image by its name.*cut short/,
        hint: /--format raw/,
      });
      assert.equal(storage.volumes.size, 0);
      const { volumeId } = await importImage({ file, format: "raw", storage, name: "d", kind: "lun", signal });
      assert.deepEqual(storage.volumes.get(volumeId), content);
    }
    for (const name of ["disk", "disk.img", "disk.raw", "disk.qcow2.raw", ".vhd"]) {
      const file = join(folder, name);
      await writeFile(file, content);
      const storage = new MemoryStorage();
      const { volumeId } = await importImage({ file, storage, name: "d", kind: "lun", signal });
      assert.deepEqual(storage.volumes.get(volumeId), content);
    }
  });

  test("is a raw disk when it is said to be one", async (context) => {
    const folder = await temporaryFolder(context);
    await withQemuImg(context, folder, false);
    const file = join(folder, "disk");
    for (const magic of ["QFI\xfb", "PK\x03\x04"]) {
      const content = Buffer.concat([Buffer.from(magic, "latin1"), Buffer.alloc(1020)]);
      await writeFile(file, content);
      const storage = new MemoryStorage();
      const { volumeId } = await importImage({ file, format: "raw", storage, name: "d", kind: "lun", signal });
      assert.deepEqual(storage.volumes.get(volumeId), content);
    }
  });
});
