/** Which of an extent's blocks something is true of, in order. */
export class BlockSet {
  readonly #has: Uint8Array;

  constructor(blockCount: number) {
    this.#has = new Uint8Array(blockCount);
  }

  add(block: number): void {
    this.#has[block] = 1;
  }

  /** Blocks from `first` on, before `end`. */
  addRange(first: number, end: number): void {
    this.#has.fill(1, first, end);
  }

  /** Whether it is true of all blocks. */
  get isFull(): boolean {
    return !this.#has.includes(0);
  }

  *[Symbol.iterator](): Generator<number, void, void> {
    for (const { first, end } of this.ranges()) for (let block = first; block < end; block++) yield block;
  }

  /** Blocks that follow each other, from `first` on, before `end`; as many as there are. */
  *ranges(): Generator<{ readonly first: number; readonly end: number }, void, void> {
    for (let first = this.#has.indexOf(1); first >= 0; ) {
      const after = this.#has.indexOf(0, first);
      const end = after < 0 ? this.#has.length : after;
      yield { first, end };
      first = this.#has.indexOf(1, end);
    }
  }
}
