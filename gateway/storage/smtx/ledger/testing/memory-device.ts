import type { LedgerDevice } from "../device.ts";
import { OneAtATime } from "../one-at-a-time.ts";

/** A device in memory, for tests. */
export class MemoryDevice implements LedgerDevice {
  readonly name = "LUN 1 of iqn.test";
  bytes: Uint8Array;
  readonly #holders = new OneAtATime();
  readonly counts = { reads: 0, readBytes: 0, writes: 0, flushes: 0 };

  constructor(sizeBytes = 4 * 1024 * 1024) {
    this.bytes = new Uint8Array(sizeBytes);
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  grow(sizeBytes: number): void {
    const larger = new Uint8Array(sizeBytes);
    larger.set(this.bytes);
    this.bytes = larger;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.counts.reads++;
    this.counts.readBytes += into.length;
    into.set(this.bytes.subarray(offset, offset + into.length));
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.counts.writes++;
    this.bytes.set(data, offset);
  }

  async flush(): Promise<void> {
    this.counts.flushes++;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#holders.run(undefined, work);
  }
}
