import type { LedgerDevice } from "../device.ts";
import { OneAtATime } from "../one-at-a-time.ts";

const sectorBytes = 512;

interface Sector {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** What a device has, of which a crash takes back any part that was not flushed. */
export class Platter {
  readonly #durable: Uint8Array;
  /** What is read, as long as nothing crashes. */
  visible: Uint8Array;
  #unflushed: Sector[] = [];
  readonly holders = new OneAtATime();

  constructor(sizeBytes = 576 * 1024) {
    this.#durable = new Uint8Array(sizeBytes);
    this.visible = new Uint8Array(sizeBytes);
  }

  /** @param keeps whether a sector is written; the others stay as they are */
  write(offset: number, data: Uint8Array, keeps: () => boolean = () => true): void {
    for (let at = 0; at < data.length; at += sectorBytes) {
      const sector = { offset: offset + at, data: data.slice(at, at + sectorBytes) };
      if (!keeps()) continue;
      this.#unflushed.push(sector);
      this.visible.set(sector.data, sector.offset);
    }
  }

  flush(): void {
    for (const { offset, data } of this.#unflushed) this.#durable.set(data, offset);
    this.#unflushed = [];
  }

  /** The power fails: of what was not flushed, what `keeps` says stays. */
  crash(keeps: () => boolean): void {
    for (const { offset, data } of this.#unflushed) {
      if (keeps()) this.#durable.set(data, offset);
    }
    this.visible = this.#durable.slice();
    this.#unflushed = [];
  }
}

export class HostIsDead extends Error {}

/** A host's way to a platter, which ends at its so manieth call. */
export class CuttableDevice implements LedgerDevice {
  readonly name = "LUN 1 of iqn.test";
  calls = 0;
  readonly #platter: Platter;
  readonly #cutAt: number;
  readonly #keeps: () => boolean;

  /** @param options.keeps of a write that is cut, whether a sector is still written */
  constructor(
    platter: Platter,
    { cutAt = Number.POSITIVE_INFINITY, keeps = () => false }: { cutAt?: number; keeps?: () => boolean } = {},
  ) {
    this.#platter = platter;
    this.#cutAt = cutAt;
    this.#keeps = keeps;
  }

  get isDead(): boolean {
    return this.calls > this.#cutAt;
  }

  get sizeBytes(): number {
    return this.#platter.visible.length;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.#call();
    into.set(this.#platter.visible.subarray(offset, offset + into.length));
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    const isCut = this.calls === this.#cutAt;
    if (isCut) this.#platter.write(offset, data, this.#keeps);
    this.#call();
    this.#platter.write(offset, data);
  }

  async flush(): Promise<void> {
    this.#call();
    this.#platter.flush();
  }

  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.#call();
    return this.#platter.holders.run(undefined, work);
  }

  #call(): void {
    if (this.calls++ >= this.#cutAt) throw new HostIsDead();
  }
}
