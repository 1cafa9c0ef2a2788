import { LRUCache } from "lru-cache";

/** Units that are kept. */
const unitsMax = 8;
/** Of the caches of a thread that are closed: new memory costs more than what is read into it. */
const spare: Buffer[] = [];
const spareBytesMax = 8 * 1024 * 1024;
let spareBytes = 0;

/**
 * Reads of one extent, small ones and at any offset too. Whole units are read and kept, those used
 * last. What it gives is a view: where it lies in one unit, good until so many other units have
 * been read, else until the next such read.
 */
export class BlockCache {
  readonly #extentBytes: number;
  readonly #unitBytes: number;
  readonly #read: (offset: number, into: Uint8Array) => Promise<void>;
  readonly #unitsAhead: number;
  readonly #units: LRUCache<number, Buffer>;
  /** Units that are on their way and that nobody has asked for yet. */
  readonly #ahead = new Map<number, Promise<Buffer>>();
  #joined = Buffer.alloc(0);
  #last = -1;

  constructor(options: {
    readonly extentBytes: number;
    /** What is read at once. */
    readonly unitBytes: number;
    /** So many units are read before they are asked for, where one is asked for after the other. */
    readonly unitsAhead?: number;
    /** Fills `into` from byte `offset` of the extent. */
    readonly read: (offset: number, into: Uint8Array) => Promise<void>;
  }) {
    this.#extentBytes = options.extentBytes;
    this.#unitBytes = options.unitBytes;
    this.#unitsAhead = options.unitsAhead ?? 0;
    // Those on their way take the places of as many others.
    this.#units = new LRUCache({ max: unitsMax + this.#unitsAhead });
    this.#read = options.read;
  }

  /** @throws what reading throws */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const unitBytes = this.#unitBytes;
    const first = Math.floor(offset / unitBytes);
    const last = Math.floor((offset + length - 1) / unitBytes);
    if (first === last) return this.#part(first, offset, length);
    if (this.#joined.length < length) this.#joined = Buffer.allocUnsafe(length);
    for (let unit = first; unit <= last; unit++) {
      const from = Math.max(offset, unit * unitBytes);
      const to = Math.min(offset + length, (unit + 1) * unitBytes);
      this.#joined.set(await this.#part(unit, from, to - from), from - offset);
    }
    return this.#joined.subarray(0, length);
  }

  /** What it gave is good no more. */
  close(): void {
    for (const content of this.#units.values()) giveBack(content);
    this.#units.clear();
  }

  async #part(unit: number, offset: number, length: number): Promise<Uint8Array> {
    const content = this.#units.get(unit) ?? (await this.#load(unit));
    return content.subarray(offset - unit * this.#unitBytes, offset - unit * this.#unitBytes + length);
  }

  async #load(unit: number): Promise<Buffer> {
    const loading = this.#ahead.get(unit) ?? this.#fetch(unit);
    this.#ahead.delete(unit);
    if (unit === this.#last + 1) this.#goAhead(unit);
    this.#last = unit;
    const content = await loading;
    this.#units.set(unit, content);
    return content;
  }

  #goAhead(from: number): void {
    for (let unit = from + 1; unit <= from + this.#unitsAhead; unit++) {
      if (unit * this.#unitBytes >= this.#extentBytes || this.#ahead.has(unit) || this.#units.has(unit)) continue;
      const loading = this.#fetch(unit);
      // Told to whoever asks for it.
      loading.catch(() => undefined);
      this.#ahead.set(unit, loading);
    }
  }

  async #fetch(unit: number): Promise<Buffer> {
    const evicted = this.#units.size >= this.#units.max ? this.#units.pop() : undefined;
    const bytes = Math.min(this.#unitBytes, this.#extentBytes - unit * this.#unitBytes);
    const content = evicted?.length === bytes ? evicted : newUnit(bytes);
    await this.#read(unit * this.#unitBytes, content);
    return content;
  }
}

const newUnit = (bytes: number): Buffer => {
  const at = spare.findLastIndex(({ length }) => length === bytes);
  if (at < 0) return Buffer.allocUnsafeSlow(bytes);
  spareBytes -= bytes;
  return spare.splice(at, 1)[0] ?? Buffer.allocUnsafeSlow(bytes);
};

const giveBack = (unit: Buffer): void => {
  if (spareBytes + unit.length > spareBytesMax) return;
  spareBytes += unit.length;
  spare.push(unit);
};
