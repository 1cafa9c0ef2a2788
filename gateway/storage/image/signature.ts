/** The formats that go through qemu-img, by its own names for them. */
export type ContainerFormat = "qcow" | "qcow2" | "qed" | "vdi" | "vpc" | "vhdx" | "vmdk" | "parallels";

/** What a file is that is no raw disk. */
export type Signature =
  | {
      readonly kind: "container";
      readonly format: ContainerFormat;
      /** For people, with its article. */
      readonly name: string;
    }
  | {
      readonly kind: "refused";
      /** For people, with its article. */
      readonly name: string;
      /** What to do with it. */
      readonly advice: string;
    };

/** So much of a file's start and of its end is looked at. */
export const startBytes = 4096;
export const endBytes = 1024;

interface Magic {
  readonly at: number;
  readonly bytes: string;
}

const at = (offset: number, bytes: string): Magic => ({ at: offset, bytes });

const container = (format: ContainerFormat, name: string): Signature => ({ kind: "container", format, name });
const refused = (name: string, advice: string): Signature => ({ kind: "refused", name, advice });
const convertFirst = "Convert it to a raw file (qemu-img convert -O raw), look at that, and import it.";
const compressed = (name: string, unpack: string): Signature =>
  refused(
    `a file that ${name} has compressed`,
    `If it is an archive (.tar.…): unpack it with tar -xf FILE, and import the disk image that is in it. ` +
      `If it is an image alone: unpack it first, or on the way: ${unpack} FILE | smtx-backup volume import - --size BYTES --site SITE …`,
  );
const archive = (name: string): Signature => refused(name, "Unpack it, and import the disk image that is in it.");

/**
 * What a file begins with. Containers: qemu's docs/interop (qcow2, qed, parallels) and block/*.c
 * (qcow, vdi, vpc, vhdx, vmdk, bochs, cloop); compressed files and archives: their specifications,
 * as `file` knows them too.
 */
const starts: readonly (readonly [Signature, ...Magic[]])[] = [
  [container("qcow", "a qcow image of version 1"), at(0, "QFI\xfb\0\0\0\x01")],
  [container("qcow2", "a qcow2 image"), at(0, "QFI\xfb")],
  [container("qed", "a QED image"), at(0, "QED\0")],
  [container("vdi", "a VDI image of VirtualBox"), at(0x40, "\x7f\x10\xda\xbe")],
  [container("vhdx", "a VHDX image of Hyper-V"), at(0, "vhdxfile")],
  [container("vmdk", "a VMDK image of VMware"), at(0, "KDMV")],
  [container("vmdk", "a VMDK image of VMware ESX"), at(0, "COWD")],
  [container("parallels", "a Parallels image"), at(0, "WithoutFreeSpace")],
  [container("parallels", "a Parallels image"), at(0, "WithouFreSpacExt")],
  // The extent of a descriptor, which alone says how long the disk is.
  [
    refused(
      "an extent of a VMDK disk of VMware ESX",
      "Import the disk's descriptor instead: the small .vmdk beside it.",
    ),
    at(0, "\xbe\xba\xfe\xca\0\0\0\0"),
  ],
  // qemu-img can neither check these nor tell that one of them was cut.
  [refused("a Bochs image", convertFirst), at(0, "Bochs Virtual HD Image")],
  [refused("a cloop image", convertFirst), at(0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop")],
  [refused("a sparse image of Android", "Make a raw file of it: simg2img FILE disk.img"), at(0, "\x3a\xff\x26\xed")],
  [refused("an EnCase image", "Make a raw file of it: ewfexport -f raw FILE"), at(0, "EVF\x09\x0d\x0a\xff\0")],
  [refused("a backup of Proxmox (VMA)", "Unpack it, and import its disks: vma extract FILE DIR"), at(0, "VMA\0")],
  [refused("a Windows image (WIM)", "It holds files and no disk; apply it to a disk first."), at(0, "MSWIM\0\0\0")],
  [compressed("gzip", "gunzip -c"), at(0, "\x1f\x8b\x08")],
  [compressed("zstd", "zstd -dc"), at(0, "\x28\xb5\x2f\xfd")],
  [compressed("xz", "xz -dc"), at(0, "\xfd7zXZ\0")],
  [compressed("bzip2", "bunzip2 -c"), at(0, "BZh"), at(4, "1AY&SY")],
  [compressed("lz4", "lz4 -dc"), at(0, "\x04\x22\x4d\x18")],
  [compressed("lz4", "lz4 -dc"), at(0, "\x02\x21\x4c\x18")],
  [compressed("lzip", "lzip -dc"), at(0, "LZIP\x01")],
  [compressed("lzop", "lzop -dc"), at(0, "\x89LZO\0\x0d\x0a\x1a\x0a")],
  [compressed("lzma", "xz -dc"), at(0, "\x5d\0\0"), at(5, "\xff\xff\xff\xff\xff\xff\xff\xff")],
  [compressed("compress", "gunzip -c"), at(0, "\x1f\x9d")],
  [archive("a zip archive"), at(0, "PK\x03\x04")],
  [archive("a zip archive"), at(0, "PK\x05\x06")],
  [archive("a zip archive in parts"), at(0, "PK\x07\x08")],
  [archive("a 7z archive"), at(0, "7z\xbc\xaf\x27\x1c")],
  [archive("a RAR archive"), at(0, "Rar!\x1a\x07")],
  [archive("a cabinet archive"), at(0, "MSCF\0\0\0\0")],
  [archive("a cpio archive"), at(0, "07070")],
  [archive("an ar archive"), at(0, "!<arch>\n")],
];

/**
 * What a file is, by the containers, compressed files and archives that can be told from its first
 * `startBytes` and its last `endBytes` (of a shorter file, all of it); undefined for what a raw
 * disk may look like. A LUKS header is one of those.
 */
export const signatureOf = (start: Uint8Array, end: Uint8Array): Signature | undefined => {
  const head = Buffer.from(start.buffer, start.byteOffset, start.byteLength);
  const tail = Buffer.from(end.buffer, end.byteOffset, end.byteLength);
  const found = starts.find(([, ...magics]) => magics.every((magic) => has(head, magic)))?.[0];
  if (found?.kind === "container" && found.format === "vmdk") return sparseVmdk(head, found);
  return found ?? vhd(head, tail) ?? vmdkDescriptor(head) ?? dmg(tail) ?? tar(head) ?? skippableZstd(head);
};

const has = (bytes: Buffer, { at, bytes: wanted }: Magic): boolean =>
  bytes.toString("latin1", at, at + wanted.length) === wanted;

const vhdMagic = "conectix";
const vhdFooterBytes = 512;
const differencingVhd = 4;

/**
 * Microsoft's “Virtual Hard Disk Image Format Specification”: the footer is the last sector, the
 * only one that a fixed disk has; others begin with a copy. Footers of Virtual PC before 2004 are a
 * byte shorter.
 */
const vhd = (head: Buffer, tail: Buffer): Signature | undefined => {
  if (has(head, at(0, vhdMagic))) return vhdOf("a VHD image", head);
  for (const footerBytes of [vhdFooterBytes, vhdFooterBytes - 1]) {
    const footer = tail.subarray(Math.max(0, tail.length - footerBytes));
    if (has(footer, at(0, vhdMagic))) return vhdOf("a fixed VHD image", footer);
  }
  return undefined;
};

/** qemu-img takes one that differs from a parent for the whole disk. */
const vhdOf = (name: string, footer: Buffer): Signature => {
  const typeAt = 60;
  if (footer.length < typeAt + 4 || footer.readUInt32BE(typeAt) !== differencingVhd) return container("vpc", name);
  return refused("a differencing VHD, which holds only what differs from another image", mergeFirst);
};

export const mergeFirst =
  "Merge it with what it is based on, and import the result: qemu-img convert -O raw FILE disk.img";

/**
 * VMware's “Virtual Disk Format 5.0”. As qemu's vmdk_probe: comments and empty
 * lines, then the version.
 */
const vmdkDescriptor = (head: Buffer): Signature | undefined => {
  const text = head.toString("latin1");
  if (!/^(?:[ \t]*(?:#[^\n]*)?\r?\n)*version=[123]\s*\n/i.test(text)) return undefined;
  return vmdkWith(text, container("vmdk", "the descriptor of a VMDK disk"));
};

const vmdkWith = (descriptor: string, vmdk: Signature): Signature =>
  /^\s*parentCID\s*=\s*(?!ffffffff)/im.test(descriptor)
    ? refused("a VMDK image that holds only what differs from another image", mergeFirst)
    : vmdk;

/** One file of a disk in several has no descriptor inside, and is only a part. */
const sparseVmdk = (head: Buffer, vmdk: Signature): Signature => {
  if (!has(head, at(0, "KDMV"))) return vmdk;
  const descriptorOffsetAt = 28;
  if (head.length < descriptorOffsetAt + 8) return vmdk;
  const descriptorAt = Number(head.readBigUInt64LE(descriptorOffsetAt)) * 512;
  const descriptor = head.toString("latin1", descriptorAt);
  if (descriptorAt !== 0 && (descriptorAt >= head.length || /^# Disk DescriptorFile/i.test(descriptor))) {
    return vmdkWith(descriptor, vmdk);
  }
  return refused("one of several files of a VMDK disk", "Import the disk's descriptor: the small .vmdk beside it.");
};

/**
 * Apple's disk images end with a block of 512 bytes; as qemu, it is looked for in the last 1024.
 */
const dmg = (tail: Buffer): Signature | undefined => {
  const koly = tail.lastIndexOf("koly\0\0\0\x04", undefined, "latin1");
  if (koly < 0 || tail.length - koly < 512) return undefined;
  return refused("a DMG image of macOS", convertFirst);
};

/**
 * POSIX's ustar, and older ones by their checksum: the sum of the header's bytes, its own counted
 * as blanks.
 */
const tar = (head: Buffer): Signature | undefined => {
  const headerBytes = 512;
  if (head.length < headerBytes) return undefined;
  const [checksumAt, checksumBytes] = [148, 8];
  const told = /^ *([0-7]+)[ \0]/.exec(head.toString("latin1", checksumAt, checksumAt + checksumBytes))?.[1];
  if (told === undefined) return undefined;
  const sum = head.subarray(0, headerBytes).reduce((total, byte) => total + byte, 0);
  const own = head.subarray(checksumAt, checksumAt + checksumBytes).reduce((total, byte) => total + byte, 0);
  if (sum - own + checksumBytes * 0x20 !== Number.parseInt(told, 8)) return undefined;
  const first = head.toString("latin1", 0, 100).split("\0")[0] ?? "";
  if (first.endsWith(".ovf")) return archive("an OVA archive");
  return archive(first === "ova.xml" ? "a XenServer archive (XVA)" : "a tar archive");
};

/** RFC 8878: frames that are to be skipped may come first, as pzstd writes them. */
const skippableZstd = (head: Buffer): Signature | undefined => {
  const [first, lengthAt] = [0x18_4d_2a_50, 4];
  if (head.length < 12) return undefined;
  const magic = head.readUInt32LE(0);
  if (magic < first || magic > first + 15) return undefined;
  return has(head, at(8 + head.readUInt32LE(lengthAt), "\x28\xb5\x2f\xfd"))
    ? compressed("zstd", "zstd -dc")
    : undefined;
};
