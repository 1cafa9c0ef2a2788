import { OnePerTurn } from "../../time/one-per-turn.ts";

const turnMs = 5;

/**
 * Lets everybody else of this thread have a turn whenever all connections together were at it for
 * so long. Those that wait go on one in a turn, so many of them take no longer than one.
 */
export class Turns {
  readonly #waiting = new OnePerTurn();
  #sinceMs = performance.now();

  async next(): Promise<void> {
    if (performance.now() - this.#sinceMs < turnMs) return;
    await new Promise<void>((resolve) => this.#waiting.enter(resolve));
    this.#sinceMs = performance.now();
  }
}
