/**
 * What comes from many at once is begun in order, each in a turn of the event loop of its own, so
 * that others have theirs in between. How much may wait is for whoever hands it in to bound.
 */
export class OnePerTurn {
  readonly #waiting: (() => void)[] = [];
  #isDue = false;

  /** @param begin runs in a turn that comes soon; it does not throw */
  enter(begin: () => void): void {
    this.#waiting.push(begin);
    this.#next();
  }

  #next(): void {
    if (this.#isDue || this.#waiting.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#waiting.shift()?.();
      this.#next();
    });
  }
}
