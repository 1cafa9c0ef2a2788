import { xxh3 } from "@node-rs/xxhash";

/** How a volume's bytes lie in its extents, in bytes. */
export interface Striping {
  readonly extentBytes: number;
  readonly stripeCount: number;
  readonly stripeBytes: number;
}

/** One row of a volume's table. The pair of id and epoch names a content for ever. */
export interface ExtentRow {
  readonly id: number;
  readonly epoch: number;
  /** The id of the extent that it was copied from when it was first written after a snapshot. */
  readonly origin: number;
  readonly everExist: boolean;
  /** Of its bytes, when it was last looked at. Zero: all zeros. */
  readonly hash: bigint;
}

/** Rounds up to whole groups of stripes, as ZBS does. */
export const wholeGroups = ({ extentBytes, stripeCount }: Striping, bytes: number): number => {
  const groupBytes = extentBytes * stripeCount;
  return Math.max(1, Math.ceil(bytes / groupBytes)) * groupBytes;
};

/**
 * Hands out what names extents. An id is used again when no table has it any more; an epoch is
 * never used again, so no pair is.
 */
export class ExtentIds {
  readonly #uses = new Map<number, number>();
  readonly #free: number[] = [];
  #lastId = 0;
  #lastEpoch = 0;

  /** Of an extent that was never written. */
  unwritten(): ExtentRow {
    return { ...this.#next(), origin: 0, everExist: false, hash: 0n };
  }

  /** Of an extent that was written: what it was before is its origin. */
  written(before: ExtentRow, hash: bigint): ExtentRow {
    return { ...this.#next(), origin: before.everExist ? before.id : 0, everExist: true, hash };
  }

  /** Of an extent that has the bytes of another one, and nothing else of it. */
  copied({ hash }: ExtentRow): ExtentRow {
    return { ...this.#next(), origin: 0, everExist: true, hash };
  }

  /** Of an extent of a clone that reads through to what it was cloned from. */
  readThrough(from: ExtentRow): ExtentRow {
    return { ...this.#next(), origin: from.everExist ? from.id : from.origin, everExist: false, hash: from.hash };
  }

  /** Whether one table alone has it. */
  isOnly({ id }: ExtentRow): boolean {
    return this.#uses.get(id) === 1;
  }

  share(rows: readonly ExtentRow[]): void {
    for (const { id } of rows) this.#uses.set(id, (this.#uses.get(id) ?? 0) + 1);
  }

  #next(): { readonly id: number; readonly epoch: number } {
    const id = this.#free.pop() ?? ++this.#lastId;
    this.#lastEpoch += 1;
    this.#uses.set(id, 1);
    return { id, epoch: this.#lastEpoch };
  }

  giveBack(rows: readonly ExtentRow[]): void {
    for (const { id } of rows) {
      const left = (this.#uses.get(id) ?? 1) - 1;
      if (left > 0) this.#uses.set(id, left);
      else if (this.#uses.delete(id)) this.#free.push(id);
    }
  }
}

/**
 * The hash of each extent of a content of whole groups. By the formula of the white paper byte `o`
 * lies in group g = o div (count · extent), in its stripe b = (o mod (count · extent)) div stripe,
 * and so in extent g · count + b mod count.
 */
export const extentHashes = (striping: Striping, content: Uint8Array): readonly bigint[] => {
  const { extentBytes, stripeCount, stripeBytes } = striping;
  const hashes: bigint[] = [];
  const groupBytes = extentBytes * stripeCount;
  for (let group = 0; group < content.length; group += groupBytes) {
    for (let column = 0; column < stripeCount; column++) {
      hashes.push(extentHash(content.subarray(group, group + groupBytes), { stripeBytes, stripeCount, column }));
    }
  }
  return hashes;
};

const extentHash = (
  group: Uint8Array,
  { stripeBytes, stripeCount, column }: { stripeBytes: number; stripeCount: number; column: number },
): bigint => {
  let hash = 0n;
  for (let at = column * stripeBytes; at < group.length; at += stripeBytes * stripeCount) {
    const stripe = group.subarray(at, at + stripeBytes);
    const isZero = Buffer.compare(stripe, zerosOf(stripe.length)) === 0;
    if (isZero && hash === 0n) continue;
    hash = xxh3.xxh64(stripe, hash ^ BigInt(at)) | 1n;
  }
  return hash;
};

const zeros = new Map<number, Uint8Array>();
const zerosOf = (length: number): Uint8Array => {
  const known = zeros.get(length) ?? new Uint8Array(length);
  zeros.set(length, known);
  return known;
};
