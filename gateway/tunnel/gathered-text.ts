/**
 * Puts the pieces of a text together as they come. However many and small they are, it takes no
 * more memory than twice what has come: a peer may send its JSON byte by byte.
 */
export class GatheredText {
  readonly #bytesMax: number;
  #content = Buffer.alloc(0);
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @returns false, and takes nothing, when the text becomes longer than it may */
  put(piece: Uint8Array): boolean {
    const bytes = this.#bytes + piece.length;
    if (bytes > this.#bytesMax) return false;
    if (bytes > this.#content.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(bytes, Math.min(2 * this.#content.length, this.#bytesMax)));
      this.#content.copy(larger, 0, 0, this.#bytes);
      this.#content = larger;
    }
    this.#content.set(piece, this.#bytes);
    this.#bytes = bytes;
    return true;
  }

  toString(): string {
    return this.#content.toString("utf8", 0, this.#bytes);
  }
}
