import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { dataRanges, type Range } from "./data-ranges.ts";
import { areZeros, holesBetween } from "./holes.ts";
import { readable, unreadable } from "./refusals.ts";
import { endBytes, type Signature, signatureOf, startBytes } from "./signature.ts";

/** A file's bytes as they are. */
export class RawFile {
  readonly file: string;
  readonly sizeBytes: number;
  readonly #handle: FileHandle;
  readonly #stat: BigIntStats;

  private constructor(file: string, handle: FileHandle, found: BigIntStats) {
    this.file = file;
    this.sizeBytes = Number(found.size);
    this.#handle = handle;
    this.#stat = found;
  }

  /** @throws IMAGE_UNREADABLE, also for what is no ordinary file */
  static async open(file: string): Promise<RawFile> {
    // Opening a pipe would wait for somebody who writes into it.
    const handle = await readable(file, open(file, constants.O_RDONLY | constants.O_NONBLOCK));
    try {
      const found = await readable(file, handle.stat({ bigint: true }));
      if (!found.isFile()) {
        throw unreadable(`“${file}” is no ordinary file.`, {
          hint: "Copy a device or a pipe to a file, or read it from -.",
        });
      }
      return new RawFile(file, handle, found);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** What the file is, when it is no raw disk. @throws IMAGE_UNREADABLE */
  async signature(): Promise<Signature | undefined> {
    const start = Buffer.alloc(Math.min(startBytes, this.sizeBytes));
    const end = Buffer.alloc(Math.min(endBytes, this.sizeBytes));
    await this.read(0, start);
    await this.read(this.sizeBytes - end.length, end);
    return signatureOf(start, end);
  }

  /**
   * What is not in these is a hole, and zeros. Where holes are not told of, or are told of that
   * hold something, all of it is data.
   * @throws IMAGE_UNREADABLE, the signal's reason
   */
  async dataRanges(signal: AbortSignal): Promise<readonly Range[]> {
    const all = [{ offset: 0, length: this.sizeBytes }];
    const allocatedBytes = Number(this.#stat.blocks) * 512;
    // Nothing at all says a file system that doesn't count: many in user space (FUSE), or one that
    // keeps small files elsewhere.
    if (allocatedBytes === 0 || allocatedBytes >= this.sizeBytes) return all;
    const ranges = await dataRanges(this.#handle.fd, this.sizeBytes, signal);
    const holes = [...holesBetween(ranges, this.sizeBytes)];
    const read = (offset: number, into: Uint8Array) => this.read(offset, into);
    return (await areZeros(holes, { read, signal })) ? ranges : all;
  }

  /** Fills `into` from `offset`. @throws IMAGE_UNREADABLE, also when the file has become shorter */
  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const reading = this.#handle.read(into, done, into.length - done, offset + done);
      const { bytesRead } = await readable(this.file, reading);
      if (bytesRead === 0)
        throw unreadable(`“${this.file}” ends at byte ${offset + done}: it was cut while it was read.`);
      done += bytesRead;
    }
  }

  /**
   * @throws IMAGE_UNREADABLE when its name leads to another file by now: what was read by that name
   *   need not be of this one
   */
  async refuseReplaced(): Promise<void> {
    const { dev, ino } = await readable(this.file, stat(this.file, { bigint: true }));
    if (dev === this.#stat.dev && ino === this.#stat.ino) return;
    throw unreadable(`“${this.file}” was replaced by another file while it was read.`, {
      hint: "Import it again when nobody changes it any more.",
    });
  }

  /**
   * @throws IMAGE_UNREADABLE when somebody has written to the file since it was opened: what was
   *   read is then not one thing
   */
  async refuseChanged(): Promise<void> {
    const { size, mtimeNs } = await readable(this.file, this.#handle.stat({ bigint: true }));
    if (size === this.#stat.size && mtimeNs === this.#stat.mtimeNs) return;
    throw unreadable(`“${this.file}” was written to while it was read.`, {
      hint: "Stop what writes it (a virtual machine that runs?), or import a copy or a snapshot of it.",
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
