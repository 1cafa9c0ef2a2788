/** Work that goes on side by side, so much of it at once. */
export class InFlight {
  readonly #max: number;
  readonly #working = new Set<Promise<void>>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves when there is a place for one more. */
  async free(): Promise<void> {
    while (this.#working.size >= this.#max) await Promise.race(this.#working);
  }

  /** @param work that doesn't throw */
  run(work: () => Promise<void>): void {
    const working = work().finally(() => this.#working.delete(working));
    this.#working.add(working);
  }

  async done(): Promise<void> {
    await Promise.all(this.#working);
  }
}
