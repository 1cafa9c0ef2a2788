import { asBuffer } from "../../storage/block-hash.ts";

/**
 * Finds hashes among many of the same length, by their first four bytes. Of several that
 * begin alike only the last is found, so what is not found may be there all the same;
 * what is found is there.
 */
export class HashIndex {
  readonly #hashes: Buffer;
  readonly #hashBytes: number;
  readonly #places = new Map<number, number>();

  /** @param hashes one behind the other, each of `hashBytes` */
  constructor(hashes: Uint8Array, hashBytes: number) {
    this.#hashes = asBuffer(hashes);
    this.#hashBytes = hashBytes;
    for (let at = 0; at < hashes.length; at += hashBytes) this.#places.set(this.#hashes.readInt32LE(at), at);
  }

  /** The index of the hash at byte `at` of `from`. */
  find(from: Buffer, at = 0): number | undefined {
    const place = this.#places.get(from.readInt32LE(at));
    if (place === undefined) return undefined;
    const isThere = from.compare(this.#hashes, place, place + this.#hashBytes, at, at + this.#hashBytes) === 0;
    return isThere ? place / this.#hashBytes : undefined;
  }
}
