import type { Instant } from "../../../core/api/ids.ts";
import { addSeconds, type Clock } from "../../../core/ports/clock.ts";
import type { DocumentStore } from "../../../core/ports/store.ts";
import type { Waiting } from "../../../core/ports/waiting.ts";

/** What is due later than this is none of its business yet. */
export const soonSeconds = 300;
const pageKeys = 100;

/** When something will be due soon: somebody has to look then. */
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
    if (dueMs - this.#nowMs > soonSeconds * 1000) return;
    this.#seconds.add(Math.ceil(dueMs / 1000));
    this.#sooner.abort();
    this.#sooner = new AbortController();
  }

  /** Notes what will be due of what is in the store already: somebody else may have written it. */
  async read(store: Pick<DocumentStore, "due">): Promise<void> {
    let after = this.#clock.now();
    const now = addSeconds(after, soonSeconds);
    for (;;) {
      const page = await store.due({ after, now, limit: pageKeys });
      for (const { dueAt } of page) this.note(dueAt);
      const last = page.at(-1);
      if (last === undefined || page.length < pageKeys) return;
      after = last.dueAt;
    }
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

  /**
   * Waits until something is due that nobody has looked at, `maxMs` at most, or until the signal,
   * or until the clock turns out to have been set back.
   */
  async wait(
    maxMs: number,
    { signal, sleep }: { readonly signal: AbortSignal; readonly sleep: Waiting["sleep"] },
  ): Promise<void> {
    const startedMs = this.#nowMs;
    const untilMs = startedMs + maxMs;
    for (;;) {
      const nextMs = Math.min(untilMs, ...[...this.#seconds].map((second) => second * 1000));
      const leftMs = Math.min(maxMs, nextMs - this.#nowMs);
      if (leftMs <= 0 || this.#nowMs < startedMs || signal.aborted) return;
      await sleep(leftMs, AbortSignal.any([signal, this.#sooner.signal]));
    }
  }
}
