import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { plainGeometry } from "../../../core/extent/geometry.ts";
import type { WantedSnapshot } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import type { SnapshotSource } from "../snapshot-reader.ts";
import type { SnapshotHandle, StagedVolume, StageVolumeOptions, VolumeHandle } from "../volume-io.ts";

/** A folder that goes with the test. */
export const temporaryFolder = async (context: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-image-test-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

export const signal = new AbortController().signal;

/**
 * For the rest of the test PATH leads to a `qemu-img` of ours and nothing else. Its qcow2 is the
 * magic and the raw bytes; of a file named `broken…` it complains, in one named `damaged…` its
 * check finds errors, with one named `slow…` it takes a minute, with one named `stuck…` only to
 * convert it, after its process id is in `stuck….pid`, and one named `short…` has data behind its
 * end. With `present` false there is none.
 * @returns the folder that temporary files lie in meanwhile, empty
 */
export const withQemuImg = async (context: TestContext, folder: string, present: boolean): Promise<string> => {
  const [bin, temporary] = [join(folder, "bin"), join(folder, "tmp")];
  await mkdir(bin);
  await mkdir(temporary);
  await symlink("/usr/bin/setpriv", join(bin, "setpriv"));
  if (present) {
    const script = `#!/bin/sh
PATH=/usr/bin:/bin
[ "$1" = --version ] && exit 0
[ "$1" = convert ] && image=$4 || image=$3
file=$(printf %s "$image" | sed 's/.*"filename":"\\([^"]*\\)".*/\\1/')
bytes=$(($(wc -c < "$file") - 4))
case "$file" in
*/broken*) echo "qemu-img: Image is corrupt" >&2; exit 1;;
*/slow*) exec sleep 60;;
*/stuck*) [ "$1" = convert ] && { echo $$ > "$file.pid"; exec sleep 60; };;
esac
case "$*" in
'info --output=json json:{"driver":"qcow2",'*) printf '{\\n"virtual-size": %s, "format": "qcow2" }\\n' "$bytes";;
"check --output=json json:"*) case "$file" in */damaged*) echo '{ "corruptions": 533 }'; exit 2;; esac;;
"map --output=json json:"*)
  case "$file" in */short*) bytes=$((bytes + 1));; esac
  printf '[{ "start": 0, "length": %s, "data": true, "offset": 4}]\\n' "$bytes";;
"convert -O raw json:"*) tail -c +5 "$file" > "$5";;
'convert -O qcow2 json:{"driver":"raw",'*) { printf 'QFI\\373'; cat "$file"; } > "$5";;
*) echo "unexpected: $*" >&2; exit 4;;
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
export class MemoryStorage implements SnapshotSource, Pick<StorageDriver, "kind" | "openVolume"> {
  readonly kind = "memory";
  readonly volumes = new Map<string, Buffer>();
  readonly log: { readonly call: "write" | "zero" | "flush"; readonly offset: number; readonly length: number }[] = [];
  openHandles = 0;
  /** Thrown by the write that is this many bytes in. */
  failAfterBytes = Number.POSITIVE_INFINITY;
  /** Called before every write. */
  onWrite: () => Promise<void> = async () => undefined;

  async stageVolume(options: StageVolumeOptions): Promise<StagedVolume> {
    const held = options.into === undefined ? Buffer.alloc(options.create.sizeBytes) : this.#bytesOf(options.into);
    const grownBytes = Math.max(held.length, options.into === undefined ? 0 : (options.growTo ?? 0));
    const bytes = Buffer.concat([held], grownBytes);
    const id = options.into ?? `vol-${this.volumes.size + 1}`;
    return {
      ...this.#handleOf(bytes),
      swapIn: async () => {
        this.volumes.set(id, bytes);
        const volumes = [{ id, sizeBytes: bytes.length, geometry: plainGeometry }];
        return { kind: "volume", id: `object-${id}`, name: "disk", volumes };
      },
    };
  }

  async openVolume(volumeId: string): Promise<VolumeHandle> {
    return this.#handleOf(this.#bytesOf(volumeId));
  }

  #bytesOf(volumeId: string): Buffer {
    const bytes = this.volumes.get(volumeId);
    if (bytes === undefined) throw new VisibleError("VOLUME_UNKNOWN", `There is no volume ${volumeId}.`);
    return bytes;
  }

  #handleOf(bytes: Buffer): VolumeHandle {
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
        await this.onWrite();
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

  async openSnapshot(wanted: WantedSnapshot): Promise<SnapshotHandle> {
    assert.ok("snapshotId" in wanted);
    const { snapshotId } = wanted;
    return { snapshotId, sizeBytes: this.#bytesOf(snapshotId).length, geometry: plainGeometry };
  }

  async closeSnapshot(): Promise<void> {
    return;
  }

  async readSnapshot({ snapshotId }: SnapshotHandle) {
    return {
      ...(await this.openVolume(snapshotId)),
      extentMap: async () => undefined,
      extentBlocks: async () => undefined,
      extentDigests: async () => undefined,
    };
  }

  bytesOf(call: "write" | "zero"): number {
    return this.log.filter((entry) => entry.call === call).reduce((sum, { length }) => sum + length, 0);
  }
}
