import { VisibleError } from "../../../core/api/errors.ts";

/** Lets so many in at once; who waits is let in in order. */
export class Gate {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws TIMEOUT after `waitMs`, the signal's reason */
  async enter(options: { readonly waitMs: number; readonly signal: AbortSignal }): Promise<void> {
    options.signal.throwIfAborted();
    if (this.#inside < this.#max) {
      this.#inside++;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(options.signal.reason);
    const late = setTimeout(() => reject(busy(options.waitMs)), options.waitMs);
    options.signal.addEventListener("abort", onAbort, { once: true });
    this.#waiting.push(resolve);
    try {
      await promise;
    } catch (error) {
      const at = this.#waiting.indexOf(resolve);
      // Let in and given up at the same moment: the place goes to the next.
      if (at < 0) this.leave();
      else this.#waiting.splice(at, 1);
      throw error;
    } finally {
      clearTimeout(late);
      options.signal.removeEventListener("abort", onAbort);
    }
  }

  leave(): void {
    const next = this.#waiting.shift();
    // The place of who leaves is the next one's, so the number inside stays.
    if (next !== undefined) next();
    else this.#inside--;
  }
}

const busy = (waitMs: number): VisibleError =>
  new VisibleError("TIMEOUT", `The gateway had other transfers to work on for ${waitMs / 1000} s.`, {
    hint: "It will be tried again. If it goes on, run more gateways at the site.",
  });
