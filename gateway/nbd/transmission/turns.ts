import { setImmediate } from "node:timers/promises";

const turnMs = 5;

/** Lets everybody else of this thread have a turn whenever one was at it for so long. */
export class Turns {
  #sinceMs = performance.now();

  async next(): Promise<void> {
    if (performance.now() - this.#sinceMs < turnMs) return;
    await setImmediate();
    this.#sinceMs = performance.now();
  }
}
