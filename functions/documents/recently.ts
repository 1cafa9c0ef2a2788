import { LRUCache } from "lru-cache";
import type { Instant } from "../../core/api/ids.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { secondsBetween } from "../../core/ports/clock.ts";

/**
 * Entries that are remembered at most; the one that was not used for longest is forgotten first.
 */
const entriesMax = 10_000;

/**
 * What one process of a function remembers for some seconds, so that it need not be read or written
 * again. Other processes know nothing of it: it is for what may be that old.
 */
export class Recently<T> {
  readonly #seconds: number;
  readonly #entries = new LRUCache<string, { readonly value: T; readonly at: Instant }>({ max: entriesMax });

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /**
   * Undefined for what was not remembered, or longer ago; also when the clock was set back since.
   */
  get(key: string, { clock }: { readonly clock: Clock }): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const seconds = secondsBetween(entry.at, clock.now());
    return seconds >= 0 && seconds < this.#seconds ? entry.value : undefined;
  }

  /** @param at as of when it is so; now, unless it is older */
  set(key: string, value: T, at: Instant): void {
    this.#entries.set(key, { value, at });
  }
}

/**
 * One of something for each object, for as long as that lives: a process has one
 * store, and a test many.
 */
export const perObject = <T>(make: () => T): ((object: object) => T) => {
  const made = new WeakMap<object, T>();
  return (object) => {
    const one = made.get(object) ?? make();
    made.set(object, one);
    return one;
  };
};
