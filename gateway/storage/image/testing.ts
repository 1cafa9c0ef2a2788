import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { plainGeometry } from "../../../core/extent/geometry.ts";
import type { StorageDriver, VolumeHandle } from "../driver.ts";

/** A folder that goes with the test. */
export const temporaryFolder = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-image-test-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

export const signal = new AbortController().signal;

/**
 * For the rest of the test PATH leads to a `qemu-img` of ours and nothing else. Its qcow2 is the magic and the raw bytes;
 * of a file named `broken…` it complains, and with one named `slow…` it takes a minute. With `present` false there is none.
 * @returns the folder that temporary files lie in meanwhile, empty
 */
export const withQemuImg = async (context: TestContext, folder: string, present: boolean): Promise<string> => {
  const [bin, temporary] = [join(folder, "bin"), join(folder, "tmp")];
  await mkdir(bin);
  await mkdir(temporary);
  if (present) {
    const script = `#!/bin/sh
PATH=/usr/bin:/bin
[ "$1" = --version ] && exit 0
case "$6" in
*/broken*) echo "qemu-img: Image is corrupt" >&2; exit 1;;
*/slow*) exec sleep 60;;
esac
case "$1 $2 $3 $4 $5" in
"convert -f qcow2 -O raw") tail -c +5 "$6" > "$7";;
"convert -f raw -O qcow2") { printf 'QFI\\373'; cat "$6"; } > "$7";;
*) echo "unexpected: $*" >&2; exit 2;;
esac
`;
    await writeFile(join(bin, "qemu-img"), script);
    await chmod(join(bin, "qemu-img"), 0o755);
  }
  const before = { PATH: process.env["PATH"], TMPDIR: tmpdir() };
  Object.assign(process.env, { PATH: bin, TMPDIR: temporary });
  context.after(() => {
    Object.assign(process.env, before);
  });
  return temporary;
};

/** Volumes in memory that count what is done to them; as much of a driver as images need. */
export class MemoryStorage
  implements Pick<StorageDriver, "createVolume" | "openVolume" | "deleteVolume" | "openSnapshot">
{
  readonly volumes = new Map<string, Buffer>();
  readonly log: { readonly call: "write" | "zero" | "flush"; readonly offset: number; readonly length: number }[] = [];
  openHandles = 0;
  /** Thrown by the write that is this many bytes in. */
  failAfterBytes = Number.POSITIVE_INFINITY;
  deleteFails = false;

  async createVolume(options: Parameters<StorageDriver["createVolume"]>[0]) {
    const id = `vol-${this.volumes.size + 1}`;
    this.volumes.set(id, Buffer.alloc(options.sizeBytes));
    const { name, kind, sizeBytes, geometry = plainGeometry } = options;
    return { kind, id: `object-${id}`, name, volumes: [{ id, sizeBytes, geometry }], virtualSwitches: [] };
  }

  async openVolume(volumeId: string): Promise<VolumeHandle> {
    const bytes = this.volumes.get(volumeId);
    if (bytes === undefined) throw new VisibleError("VOLUME_UNKNOWN", `There is no volume ${volumeId}.`);
    this.openHandles += 1;
    let written = 0;
    return {
      sizeBytes: bytes.length,
      geometry: plainGeometry,
      read: async (offset, into) => {
        if (offset >= this.failAfterBytes) throw new VisibleError("STORE_CORRUPT", `Wrong bytes at ${offset}.`);
        bytes.copy(into, 0, offset, offset + into.length);
      },
      write: async (offset, data) => {
        written += data.length;
        if (written > this.failAfterBytes) throw new VisibleError("STORE_FULL", "The store is full.");
        bytes.set(data, offset);
        this.log.push({ call: "write", offset, length: data.length });
      },
      zero: async (offset, length) => {
        bytes.fill(0, offset, offset + length);
        this.log.push({ call: "zero", offset, length });
      },
      flush: async () => {
        this.log.push({ call: "flush", offset: 0, length: 0 });
      },
      close: async () => {
        this.openHandles -= 1;
      },
    };
  }

  async openSnapshot(snapshotId: string) {
    return {
      ...(await this.openVolume(snapshotId)),
      extentMap: async () => undefined,
      extentBlocks: async () => undefined,
      extentDigests: async () => undefined,
    };
  }

  async deleteVolume(volumeId: string): Promise<void> {
    if (this.deleteFails) throw new VisibleError("VOLUME_BUSY", "Somebody reads it.");
    this.volumes.delete(volumeId);
  }

  bytesOf(call: "write" | "zero"): number {
    return this.log.filter((entry) => entry.call === call).reduce((sum, { length }) => sum + length, 0);
  }
}
