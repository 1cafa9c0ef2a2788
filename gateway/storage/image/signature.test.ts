import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { unsupported } from "./refusals.ts";
import { endBytes, signatureOf, startBytes } from "./signature.ts";

/** What is made of a file of these bytes. */
const signatureOfFile = (bytes: Buffer) =>
  signatureOf(bytes.subarray(0, startBytes), bytes.subarray(Math.max(0, bytes.length - endBytes)));

/** A file with bytes put into it here and there; a negative place counts from the end. */
const fileWith = (...parts: readonly (readonly [at: number, bytes: string | Buffer])[]): Buffer => {
  const file = Buffer.alloc(65_536);
  for (const [at, bytes] of parts) {
    Buffer.from(bytes as string, "latin1").copy(file, at < 0 ? file.length + at : at);
  }
  return file;
};

const sparseVmdk = (descriptor: string) => {
  const header = fileWith([0, "KDMV\x01"], [512, descriptor]);
  header.writeBigUInt64LE(1n, 28);
  return header;
};

const vhdFooter = (type: number): Buffer => {
  const footer = Buffer.alloc(512);
  footer.write("conectix");
  footer.writeUInt32BE(type, 60);
  return footer;
};

const tarOf = (name: string, magic: string): Buffer => {
  const header = Buffer.alloc(1024);
  header.write(name);
  header.write("0000644\0", 100);
  header.write("        ", 148);
  header.write(magic, 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
};

describe("what a file is", () => {
  const descriptor = "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n";
  const containers: Record<string, readonly [format: string, file: Buffer]> = {
    "a qcow image": ["qcow", fileWith([0, "QFI\xfb\0\0\0\x01"])],
    "a qcow2 image of version 2": ["qcow2", fileWith([0, "QFI\xfb\0\0\0\x02"])],
    "a qcow2 image of version 3": ["qcow2", fileWith([0, "QFI\xfb\0\0\0\x03"])],
    "a QED image": ["qed", fileWith([0, "QED\0"])],
    "a VDI image, whoever made it": ["vdi", fileWith([0, "<<< whatever >>>"], [0x40, "\x7f\x10\xda\xbe"])],
    "a VHDX image": ["vhdx", fileWith([0, "vhdxfile"])],
    "a dynamic VHD": ["vpc", fileWith([0, vhdFooter(3)], [-512, vhdFooter(3)])],
    "a fixed VHD, by its footer": ["vpc", fileWith([-512, vhdFooter(2)])],
    "a fixed VHD of old, whose footer is a byte shorter": ["vpc", fileWith([-511, "conectix"])],
    "a sparse VMDK": ["vmdk", sparseVmdk(descriptor)],
    "a VMDK of ESX": ["vmdk", fileWith([0, "COWD"])],
    "the descriptor of a VMDK": ["vmdk", fileWith([0, descriptor])],
    "a descriptor with other comments first": ["vmdk", Buffer.from("#\r\n\n # x\nversion=3\nparentCID=FFFFFFFF\n")],
    "a Parallels image": ["parallels", fileWith([0, "WithoutFreeSpace"])],
    "a Parallels image of extended format": ["parallels", fileWith([0, "WithouFreSpacExt"])],
  };
  for (const [title, [format, file]] of Object.entries(containers)) {
    test(`${title} goes through qemu-img`, () => {
      const found = signatureOfFile(file);
      assert.ok(found?.kind === "container", `${found?.kind}`);
      assert.equal(found.format, format);
    });
  }

  const refused: Record<string, readonly [name: RegExp, file: Buffer]> = {
    "a differencing VHD": [/differencing VHD/, fileWith([0, vhdFooter(4)])],
    "a sparse VMDK that differs from another": [
      /only what differs/,
      sparseVmdk(descriptor.replace(/f{8}/, "1234abcd")),
    ],
    "a descriptor that differs from another": [
      /only what differs/,
      Buffer.from(descriptor.replace(/f{8}/, "1234abcd")),
    ],
    "one of several files of a VMDK": [/one of several files/, sparseVmdk("")],
    "an extent of ESX": [/an extent of a VMDK/, fileWith([0, "\xbe\xba\xfe\xca\0\0\0\0"])],
    "a Bochs image": [/Bochs/, fileWith([0, "Bochs Virtual HD Image"])],
    "a cloop image": [/cloop/, fileWith([0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0"])],
    "a DMG image": [/DMG/, fileWith([-512, "koly\0\0\0\x04"])],
    "a DMG image with something behind it": [/DMG/, fileWith([-1000, "koly\0\0\0\x04"])],
    "a sparse image of Android": [/Android/, fileWith([0, "\x3a\xff\x26\xed"])],
    "a backup of Proxmox": [/Proxmox/, fileWith([0, "VMA\0"])],
    "an EnCase image": [/EnCase/, fileWith([0, "EVF\x09\x0d\x0a\xff\0"])],
    "a Windows image": [/WIM/, fileWith([0, "MSWIM\0\0\0"])],
    "what gzip made": [/gzip has compressed/, gzipSync(randomBytes(9000))],
    "what zstd made": [/zstd has compressed/, zstdCompressSync(randomBytes(9000))],
    "what pzstd made": [/zstd has compressed/, fileWith([0, "\x50\x2a\x4d\x18\x04\0\0\0abcd\x28\xb5\x2f\xfd"])],
    "what xz made": [/xz has compressed/, fileWith([0, "\xfd7zXZ\0"])],
    "what bzip2 made": [/bzip2 has compressed/, fileWith([0, "BZh91AY&SY"])],
    "what lz4 made": [/lz4 has compressed/, fileWith([0, "\x04\x22\x4d\x18"])],
    "what lzma made": [/lzma has compressed/, fileWith([0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff"])],
    "a zip archive": [/zip archive/, fileWith([0, "PK\x03\x04"])],
    "a 7z archive": [/7z archive/, fileWith([0, "7z\xbc\xaf\x27\x1c"])],
    "a RAR archive": [/RAR archive/, fileWith([0, "Rar!\x1a\x07\x01"])],
    "a cpio archive": [/cpio archive/, fileWith([0, "070701"])],
    "a tar archive": [/a tar archive/, tarOf("disk.img", "ustar\x0000")],
    "a tar archive from before ustar": [/a tar archive/, tarOf("disk.img", "")],
    "an OVA": [/OVA/, tarOf("web1.ovf", "ustar  \0")],
    "an XVA": [/XenServer/, tarOf("ova.xml", "")],
  };
  for (const [title, [name, file]] of Object.entries(refused)) {
    test(`${title} is refused by name, with what to do`, () => {
      const found = signatureOfFile(file);
      assert.ok(found?.kind === "refused", `${found?.kind}`);
      assert.match(found.name, name);
      assert.match(found.advice, /[.…A-Z]/);
      const { hint } = unsupported("It", found.name, found.advice);
      assert.match(hint ?? "", /[.…] If it is a raw disk all the same: --format raw$/);
      if (/has compressed/.test(found.name)) assert.match(found.advice, /archive.*tar -xf FILE/);
    });
  }

  const raw: Record<string, Buffer> = {
    zeros: Buffer.alloc(65_536),
    "the boot sector of a PC": fileWith([0, "\xeb\x63\x90\x10\x8e\xd0\xbc\0\xb0\xb8\0\0"], [510, "\x55\xaa"]),
    "a GUID partition table": fileWith([510, "\x55\xaa"], [512, "EFI PART"], [-512, "EFI PART"]),
    "a LUKS volume, which is a disk that is encrypted": fileWith([0, "LUKS\xba\xbe\0\x02"]),
    "an ext4 file system": fileWith([1080, "\x53\xef"]),
    "an XFS file system": fileWith([0, "XFSB"]),
    "an LVM volume": fileWith([512, "LABELONE"]),
    "a squashfs": fileWith([0, "hsqs"]),
    "an ISO image": fileWith([32_769, "CD001"]),
    "text that speaks of a version": fileWith([0, "my version=1\n"]),
    "a disk of one sector": Buffer.alloc(512, 1),
    "a byte": Buffer.alloc(1),
    nothing: Buffer.alloc(0),
    "what brotli made, which has no signature": brotliCompressSync(Buffer.alloc(65_536)),
  };
  for (const [title, file] of Object.entries(raw)) {
    test(`${title} stays raw`, () => assert.equal(signatureOfFile(file), undefined));
  }

  test("any beginning of any file is judged without an error", () => {
    const files = [...Object.values(containers), ...Object.values(refused)].map(([, file]) => file);
    fc.assert(
      fc.property(fc.constantFrom(...files), fc.nat(2000), (file, length) => {
        signatureOfFile(file.subarray(0, length));
      }),
    );
  });
});
