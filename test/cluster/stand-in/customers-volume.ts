import assert from "node:assert/strict";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { VolumeHandle } from "../../../gateway/storage/volume-io.ts";
import type { ZbsVolume } from "../zbs/zbs.ts";

/** A call is done when it returns its promise, so a snapshot has all of it or nothing. */
export class CustomersVolume implements VolumeHandle {
  readonly #volume: ZbsVolume;
  readonly #fd: number;

  constructor(volume: ZbsVolume) {
    this.#volume = volume;
    this.#fd = openSync(volume.path, volume.isSnapshot ? "r" : "r+");
  }

  get sizeBytes(): number {
    return this.#volume.sizeBytes;
  }

  get geometry(): ZbsVolume["striping"] {
    return this.#volume.striping;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    const length = readSync(this.#fd, into, 0, into.byteLength, offset);
    into.fill(0, length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    assert(offset + data.byteLength <= this.sizeBytes, "a volume ends where it ends");
    writeSync(this.#fd, data, 0, data.byteLength, offset);
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.write(offset, new Uint8Array(length));
  }

  async flush(): Promise<void> {
    // Whatever was written is in its file already.
  }

  async close(): Promise<void> {
    closeSync(this.#fd);
  }
}
