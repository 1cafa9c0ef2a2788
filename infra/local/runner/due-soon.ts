import type { Instant } from "../../../core/api/ids.ts";
import type { Clock } from "../../../core/ports/clock.ts";
import type { DocumentStore } from "../../../core/ports/store.ts";
import type { Sleep } from "./sleep.ts";

/** What is due later than this can wait for the next look that comes anyway. */
const soonMs = 300_000;

/** When something will be due soon of what this process writes: somebody has to look then. */
export class DueSoon {
  readonly #clock: Clock;
  /** In seconds since 1970, rounded up: so there are few, and none is looked at too early. */
  readonly #seconds = new Set<number>();
  #sooner = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get #nowMs(): number {
    return Date.parse(this.#clock.now());
  }

  note(dueAt: Instant): void {
    const dueMs = Date.parse(dueAt);
    if (dueMs - this.#nowMs > soonMs) return;
    this.#seconds.add(Math.ceil(dueMs / 1000));
    this.#sooner.abort();
    this.#sooner = new AbortController();
  }

  /** The same store, of which it is known from now on what will be due. */
  watch(store: DocumentStore): DocumentStore {
    return {
      ...store,
      commit: async (changes) => {
        try {
          await store.commit(changes);
        } finally {
          // Also when it failed: the answer alone may have been lost.
          for (const change of changes) {
            if (change.type === "put" && change.dueAt !== undefined) this.note(change.dueAt);
          }
        }
      },
    };
  }

  /** Somebody looks now. */
  looked(): void {
    const nowMs = this.#nowMs;
    for (const second of this.#seconds) if (second * 1000 <= nowMs) this.#seconds.delete(second);
  }

  /** Waits until something is due that nobody has looked at, `maxMs` at most, or until the signal. */
  async wait(maxMs: number, { signal, sleep }: { readonly signal: AbortSignal; readonly sleep: Sleep }): Promise<void> {
    const untilMs = this.#nowMs + maxMs;
    for (;;) {
      const nextMs = Math.min(untilMs, ...[...this.#seconds].map((second) => second * 1000));
      const leftMs = Math.min(maxMs, nextMs - this.#nowMs);
      if (leftMs <= 0 || signal.aborted) return;
      await sleep(leftMs, AbortSignal.any([signal, this.#sooner.signal]));
    }
  }
}
