/** DynamoDB orders sort keys by their UTF-8 bytes. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Items of one partition, in the order of their sort keys. */
export class ModelPartition<T> {
  readonly #items = new Map<string, T>();
  readonly #sorts: string[] = [];

  get(sort: string): T | undefined {
    return this.#items.get(sort);
  }

  set(sort: string, item: T): void {
    if (!this.#items.has(sort)) this.#sorts.splice(this.#placeOf(sort), 0, sort);
    this.#items.set(sort, item);
  }

  delete(sort: string): void {
    if (this.#items.delete(sort)) this.#sorts.splice(this.#placeOf(sort), 1);
  }

  values(): IterableIterator<T> {
    return this.#items.values();
  }

  /** Those whose sort keys begin so. */
  list(prefix: string): T[] {
    const found: T[] = [];
    for (let place = this.#placeOf(prefix); this.#sorts[place]?.startsWith(prefix); place += 1) {
      found.push(this.#items.get(this.#sorts[place] as string) as T);
    }
    return found;
  }

  /** How many are before it. */
  #placeOf(sort: string): number {
    let [low, high] = [0, this.#sorts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (byBytes(this.#sorts[middle] as string, sort) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
