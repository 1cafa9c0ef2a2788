import { setImmediate } from "node:timers/promises";

const turnMs = 5;

/**
 * Lets everybody else of this thread have a turn whenever all connections together were at it for
 * so long. Those that wait go on one in a turn, so many of them take no longer than one.
 */
export class Turns {
  #sinceMs = performance.now();
  #last: Promise<unknown> = Promise.resolve();

  async next(): Promise<void> {
    if (performance.now() - this.#sinceMs < turnMs) return;
    this.#last = this.#last.then(() => setImmediate());
    await this.#last;
    this.#sinceMs = performance.now();
  }
}
