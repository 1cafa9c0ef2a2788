import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findTool, runTool } from "../../infra/local/demo/tools.ts";

const MiB = 1024 ** 2;
const diskBytes = 96 * MiB;
const payloadBytes = 4 * MiB;

/** What the initrd loads, in this order: for a virtio disk, and a FAT file system on it. */
const modules = [
  ...["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"],
  ...["nls_cp437", "nls_ascii", "fat", "vfat"],
];

/** The only process: it says on the serial port what it found, and ends the machine. */
const init = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs none /dev
say() { /bin/busybox echo "MACHINE $1" >/dev/ttyS0; }
for module in ${modules.join(" ")}; do /bin/busybox insmod /modules/$module.ko || true; done
for second in 1 2 3 4 5 6 7 8 9; do [ -b /dev/vda ] && break; /bin/busybox sleep 1; done
/bin/busybox mount -t vfat /dev/vda /disk || say "has no disk"
cd /disk
/bin/busybox sha256sum -c payload.sum >/dev/null && say ok || say bad
if [ "$(/bin/busybox cat write)" = yes ]; then
  /bin/busybox echo changed >/disk/payload.bin && /bin/busybox sync && say "has written"
fi
/bin/busybox umount /disk 2>/dev/null
/bin/busybox poweroff -f
`;

export interface BootDisk {
  /** A disk of 96 MiB that a BIOS boots. */
  readonly disk: string;
  readonly payloadSha256: string;
}

/**
 * Makes the disk of a tiny Linux machine: Debian's kernel for clouds and busybox, started by
 * syslinux. It checks a file that it finds on its own disk.
 * @param options.folder is filled
 * @param options.writes whether the machine overwrites that file afterwards
 */
export const makeBootDisk = async (options: {
  readonly folder: string;
  readonly kernel: Kernel;
  readonly writes: boolean;
}): Promise<BootDisk> => {
  const { folder, kernel, writes } = options;
  const inFolder = (name: string) => join(folder, name);
  await mkdir(folder, { recursive: true });
  await makeInitrd(inFolder("initrd"), kernel);
  const payload = randomBytes(payloadBytes);
  const payloadSha256 = createHash("sha256").update(payload).digest("hex");
  await writeFile(inFolder("payload.bin"), payload);
  await writeFile(inFolder("payload.sum"), `${payloadSha256}  payload.bin\n`);
  await writeFile(inFolder("write"), writes ? "yes" : "no");
  await writeFile(
    inFolder("syslinux.cfg"),
    "DEFAULT linux\nLABEL linux\nLINUX vmlinuz\nINITRD initrd.gz\nAPPEND quiet console=ttyS0\n",
  );
  const disk = inFolder("disk.img");
  await writeFile(disk, "");
  await truncate(disk, diskBytes);
  await tool("mkfs.vfat", ["-F", "16", disk]);
  const files = ["initrd.gz", "payload.bin", "payload.sum", "write", "syslinux.cfg"].map(inFolder);
  await tool("mcopy", ["-i", disk, kernel.image, "::vmlinuz"]);
  await tool("mcopy", ["-i", disk, ...files, "::"]);
  await tool("syslinux", ["--install", disk]);
  return { disk, payloadSha256 };
};

const makeInitrd = async (file: string, kernel: Kernel): Promise<void> => {
  const root = `${file}.root`;
  for (const folder of ["bin", "dev", "disk", "modules"]) await mkdir(join(root, folder), { recursive: true });
  await copyFile((await findTool("busybox")) ?? "", join(root, "bin", "busybox"));
  for (const name of modules) await copyFile(await kernel.module(name), join(root, "modules", `${name}.ko`));
  await writeFile(join(root, "init"), init, { mode: 0o755 });
  await runTool("/bin/sh", ["-c", `cd ${root} && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >${file}.gz`]);
};

/** Debian's kernel for clouds, unpacked. */
export interface Kernel {
  readonly image: string;
  module(name: string): Promise<string>;
}

/**
 * Gets the kernel's package with apt and unpacks it, without installing it; once.
 * @param cache where it stays
 */
export const getKernel = async (cache: string): Promise<Kernel> => {
  const root = join(cache, "kernel");
  const boot = join(root, "boot");
  const there = await readdir(boot).catch(() => undefined);
  if (there === undefined) await unpackKernel(cache, root);
  const image = (await readdir(boot)).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) throw new Error(`there is no kernel in ${boot}`);
  const tree = join(root, "lib", "modules", image.slice("vmlinuz-".length), "kernel");
  const all = await readdir(tree, { recursive: true });
  return {
    image: join(boot, image),
    module: async (name) => {
      const found = all.find((path) => path.endsWith(`/${name}.ko`));
      if (found === undefined) throw new Error(`the kernel has no module ${name}`);
      return join(tree, found);
    },
  };
};

const unpackKernel = async (cache: string, root: string): Promise<void> => {
  const making = `${root}.new`;
  await rm(making, { recursive: true, force: true });
  await mkdir(making, { recursive: true });
  const depends = await tool("apt-cache", ["depends", "linux-image-cloud-amd64"]);
  const [, name] = /Depends: (linux-image-\S+)/.exec(depends) ?? [];
  if (name === undefined) throw new Error("apt knows no linux-image-cloud-amd64; run apt-get update");
  await runTool("/bin/sh", ["-c", `cd ${cache} && apt-get download -q ${name}`]);
  const file = (await readdir(cache)).find((one) => one.startsWith(`${name}_`) && one.endsWith(".deb")) ?? "";
  await tool("dpkg", ["-x", join(cache, file), making]);
  await rm(join(cache, file));
  await rename(making, root);
};

const tool = async (name: string, parameters: readonly string[]): Promise<string> => {
  const path = await findTool(name);
  if (path === undefined) throw new Error(`${name} is missing`);
  return runTool(path, parameters);
};

/** What the machine said on its serial port, line by line. */
export const saidBy = async (serial: string): Promise<readonly string[]> => {
  const text = await readFile(serial, "latin1").catch(() => "");
  return [...text.matchAll(/MACHINE ([a-z ]+)/g)].map(([, said]) => said ?? "");
};
