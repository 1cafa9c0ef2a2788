import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, mkdtemp, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { MemoryStorage } from "../../gateway/storage/image/testing.ts";
import { findTool, runTool } from "../../infra/local/demo/tools.ts";
import { testWith } from "../need.ts";

const MiB = 1024 ** 2;
const signal = new AbortController().signal;
/** Data at both ends and a hole between. */
const disk = Buffer.concat([randomBytes(MiB / 2), Buffer.alloc(MiB), randomBytes(MiB / 2)]);

/** Every format that qemu-img can make, and in which ways. */
const makes: Record<string, readonly string[]> = {
  qcow: ["-O", "qcow"],
  qcow2: ["-O", "qcow2"],
  "qcow2 of version 2": ["-O", "qcow2", "-o", "compat=0.10"],
  "qcow2, compressed": ["-c", "-O", "qcow2"],
  "qcow2 with zstd and small clusters": ["-c", "-O", "qcow2", "-o", "compression_type=zstd,cluster_size=4k"],
  "qcow2, preallocated": ["-O", "qcow2", "-o", "preallocation=metadata"],
  qed: ["-O", "qed"],
  vdi: ["-O", "vdi"],
  "vdi, static": ["-O", "vdi", "-o", "static=on"],
  "vhd, dynamic": ["-O", "vpc", "-o", "force_size"],
  "vhd, fixed": ["-O", "vpc", "-o", "subformat=fixed,force_size"],
  vhdx: ["-O", "vhdx"],
  "vhdx, fixed": ["-O", "vhdx", "-o", "subformat=fixed"],
  "vmdk, monolithicSparse": ["-O", "vmdk"],
  "vmdk, monolithicFlat": ["-O", "vmdk", "-o", "subformat=monolithicFlat"],
  "vmdk, twoGbMaxExtentSparse": ["-O", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"],
  "vmdk, twoGbMaxExtentFlat": ["-O", "vmdk", "-o", "subformat=twoGbMaxExtentFlat"],
  "vmdk, streamOptimized": ["-O", "vmdk", "-o", "subformat=streamOptimized"],
  parallels: ["-O", "parallels"],
};
/** Their descriptors and their data are files of their own. */
const inSeveralFiles = ["vmdk, monolithicFlat", "vmdk, twoGbMaxExtentSparse", "vmdk, twoGbMaxExtentFlat"];

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "smtx-backup-formats-"));
  await writeFile(join(dir, "disk.raw"), disk);
});
after(() => rm(dir, { recursive: true }));

const inDir = (name: string) => join(dir, name);
const fileNamed = (name: string) => inDir(name.replaceAll(/\W+/g, "-"));
const testWithQemuImg = await testWith("qemu-img");

/** @returns the file, named without an ending: nothing but the bytes tells its format */
const made = async (qemuImg: string, name: string, from = inDir("disk.raw")): Promise<string> => {
  await runTool(qemuImg, ["convert", "-f", "raw", ...(makes[name] ?? []), from, fileNamed(name)]);
  return fileNamed(name);
};

/** @returns what came in */
const imported = async (file: string, format?: "raw"): Promise<Buffer | undefined> => {
  const storage = new MemoryStorage();
  try {
    const { volumeId } = await importImage({ file, format, storage, name: "d", kind: "lun", signal });
    return storage.volumes.get(volumeId);
  } catch (error) {
    assert.equal(storage.volumes.size, 0);
    throw error;
  }
};

describe("an image that the real qemu-img has made", () => {
  for (const name of Object.keys(makes)) {
    testWithQemuImg(
      `${name}: comes in as the disk that it holds, and is refused when it was cut short`,
      async (_, qemuImg) => {
        const file = await made(qemuImg, name);
        assert.ok((await imported(file))?.equals(disk));
        const bytes = await readFile(file);
        if (bytes.length % 512 === 0) assert.ok((await imported(file, "raw"))?.equals(bytes));
        // Without its footer it is a raw disk, but for its name.
        if (name === "vhd, fixed") {
          await writeFile(`${file}.vhd`, bytes.subarray(0, -512));
          await assert.rejects(imported(`${file}.vhd`), { code: "IMAGE_UNREADABLE", message: /cut short/ });
          return;
        }
        const data = inSeveralFiles.includes(name) ? await extentOf(file) : file;
        const { size } = await stat(data);
        for (const left of [0.95, 0.3]) {
          await truncate(data, Math.floor((size * left) / 512) * 512);
          const outcome = await imported(file).catch((error: unknown) => error);
          if (left === 0.3) assert.ok(VisibleError.is(outcome, "IMAGE_UNREADABLE"), `${outcome}`);
          // What was cut off need not have been the disk's.
          if (!VisibleError.is(outcome)) assert.ok(Buffer.isBuffer(outcome) && outcome.equals(disk), `at ${left}`);
        }
      },
    );
  }

  testWithQemuImg(
    "as a VHD comes in with the size that it names, whoever made it: Virtual PC's rounding would cut it",
    async (_, qemuImg) => {
      for (const name of ["vhd, dynamic", "vhd, fixed"]) {
        const file = await made(qemuImg, name);
        const bytes = await readFile(file);
        for (const footer of [bytes.subarray(0, 512), bytes.subarray(-512)]) {
          if (footer.toString("latin1", 0, 8) === "conectix") signVhd(footer, "vbox");
        }
        await writeFile(file, bytes);
        assert.ok((await imported(file))?.equals(disk), name);
      }
    },
  );

  testWithQemuImg("comes in whole when only a part of it was ever written", async (_, qemuImg) => {
    const qemuIo =
      (await findTool("qemu-io")) ?? assert.fail("qemu-img is there and qemu-io is not; they come in one package");
    await writeFile(inDir("empty.raw"), Buffer.alloc(5 * MiB + 512));
    for (const [name, [...options]] of Object.entries(makes)) {
      // What is compressed is written once, and qemu doesn't write VHDs or split disks in part.
      if (!/^(qcow|qcow2|qed|vdi|vhdx|parallels|vmdk, monolithicSparse)$/.test(name)) continue;
      const file = await made(qemuImg, name, inDir("empty.raw"));
      const format = options[options.indexOf("-O") + 1] ?? "";
      const writes = ["-c", "write -P 7 1234432 70144", "-c", "write -P 9 5242880 512"];
      await runTool(qemuIo, ["-f", format, ...writes, file]);
      const expected = Buffer.alloc(5 * MiB + 512);
      expected.fill(7, 1_234_432, 1_234_432 + 70_144);
      expected.fill(9, 5_242_880, 5_242_880 + 512);
      assert.ok((await imported(file))?.equals(expected), name);
    }
  });
});

/**
 * Makes a footer another program's, with cylinders, heads and sectors as the specification computes
 * them for a disk of 2 MiB (they come to 16 sectors less), and with its checksum: the complement of
 * the sum of all other bytes.
 */
const signVhd = (footer: Buffer, creator: string): void => {
  const [creatorAt, geometryAt, checksumAt] = [28, 56, 64];
  footer.write(creator, creatorAt, "latin1");
  footer.set([0, 60, 4, 17], geometryAt);
  footer.writeUInt32BE(0, checksumAt);
  footer.writeUInt32BE(~footer.reduce((sum, byte) => sum + byte, 0) >>> 0, checksumAt);
};

/** The file that a VMDK descriptor names. */
const extentOf = async (descriptor: string): Promise<string> => {
  const [, name = ""] = /^RW \d+ \w+ "(.+)"/m.exec(await readFile(descriptor, "utf8")) ?? [];
  return inDir(name);
};

describe("an image in several files that is changed while it is read", () => {
  const changes = {
    "is written to": (extent: string, bytes: Buffer) => writeFile(extent, bytes),
    "is replaced": async (extent: string, bytes: Buffer) => {
      await writeFile(`${extent}.new`, bytes);
      await rename(`${extent}.new`, extent);
    },
  };
  for (const name of inSeveralFiles) {
    for (const [what, change] of Object.entries(changes)) {
      testWithQemuImg(`${name}: is refused when a file of its data ${what}`, async (_, qemuImg) => {
        const file = await made(qemuImg, name);
        const extent = await extentOf(file);
        const bytes = await readFile(extent);
        const storage = new MemoryStorage();
        let changing: Promise<void> | undefined;
        storage.onWrite = () => {
          changing ??= change(extent, bytes);
          return changing;
        };
        await assert.rejects(importImage({ file, storage, name: "d", kind: "lun", signal }), {
          code: "IMAGE_UNREADABLE",
          message: /was written to while|was replaced by another file while/,
        });
        assert.equal(storage.volumes.size, 0);
      });
    }
  }
});

describe("an image that is only a part of a disk", () => {
  const refuses = async (file: string, message: RegExp) => {
    await assert.rejects(imported(file), (error) => {
      assert.ok(VisibleError.is(error, "IMAGE_UNSUPPORTED"), `${error}`);
      assert.match(error.message, message);
      assert.match(error.hint ?? "", /qemu-img convert|[Ii]mport/);
      return true;
    });
  };

  testWithQemuImg("is refused by the name of what it builds on, whether that is there or not", async (_, qemuImg) => {
    const create = (...args: string[]) => runTool(qemuImg, ["create", "-q", ...args]);
    await writeFile(inDir("base.raw"), disk);
    await runTool(qemuImg, ["convert", "-f", "raw", "-O", "vmdk", inDir("base.raw"), inDir("base.vmdk")]);
    for (const format of ["qcow", "qcow2", "qed"]) {
      await create("-f", format, "-b", inDir("base.raw"), "-F", "raw", inDir(`backed-${format}`));
    }
    await create("-f", "vmdk", "-b", inDir("base.vmdk"), "-F", "vmdk", inDir("backed-vmdk"));
    await create("-f", "qcow2", "-o", `data_file=${inDir("data.raw")},data_file_raw=on`, inDir("apart"), "4M");
    for (const isThere of [true, false]) {
      for (const format of ["qcow", "qcow2", "qed"])
        await refuses(inDir(`backed-${format}`), /another file, .*base\.raw/);
      await refuses(inDir("backed-vmdk"), /only what differs from another/);
      await refuses(inDir("apart"), /whose data is in another file, .*data\.raw/);
      if (isThere) for (const name of ["base.raw", "base.vmdk", "data.raw"]) await rm(inDir(name));
    }
  });

  testWithQemuImg("is refused when it is one of several files, or encrypted", async (_, qemuImg) => {
    const split = await made(qemuImg, "vmdk, twoGbMaxExtentSparse");
    await refuses(await extentOf(split), /one of several files of a VMDK/);
    const secret = ["--object", "secret,id=s,data=x"];
    const aes = "encrypt.format=aes,encrypt.key-secret=s";
    await runTool(qemuImg, ["create", "-q", ...secret, "-f", "qcow2", "-o", aes, inDir("locked"), "4M"]);
    await refuses(inDir("locked"), /encrypted/);
  });

  testWithQemuImg("is refused when an extent of it is a container", async (_, qemuImg) => {
    const file = await made(qemuImg, "vmdk, monolithicFlat");
    await copyFile(await made(qemuImg, "qcow2"), await extentOf(file));
    await truncate(await extentOf(file), disk.length);
    await refuses(file, /whose extent .* is a qcow2 image/);
  });
});

testWithQemuImg(
  "every format that this qemu-img knows is one that is recognised, is raw, or is no format of files",
  async (_, qemuImg) => {
    const recognised = ["qcow", "qcow2", "qed", "vdi", "vpc", "vhdx", "vmdk", "parallels", "bochs", "cloop", "dmg"];
    const raw = ["raw", "luks"];
    // Protocols, devices, and layers over other images; vvfat makes a disk of a folder.
    const others =
      /^(blk\w+|compress|copy-.*|file|ftps?|gluster|host_.*|https?|io_uring|iscsi|iser|nbd|nfs|null-.*|nvme.*|preallocate|quorum|rbd|replication|sheepdog|snapshot-access|ssh|throttle|virtio-.*|vvfat)$/;
    const [, known = ""] = /^Supported formats: (.+)$/m.exec(await runTool(qemuImg, ["--help"])) ?? [];
    const formats = known.split(" ");
    assert.ok(formats.includes("qcow2"));
    const unknown = formats.filter((format) => ![...recognised, ...raw].includes(format) && !others.test(format));
    assert.deepEqual(unknown, []);
  },
);
