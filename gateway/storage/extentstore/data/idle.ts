import type { Time } from "../../../time/time.ts";

/** What nobody used for so long is given up. */
export const idleMs = 30_000;

/**
 * Gives up what nobody used since `beforeMs`.
 * @returns whether anything is left that may become idle
 */
type GiveUp = (beforeMs: number) => boolean;

/** Looks from time to time for what has become idle, as long as there is something that may. */
export class IdleSweep {
  readonly #time: Time;
  readonly #stopped = new AbortController();
  readonly #all: GiveUp[] = [];
  #running = false;

  constructor(time: Time) {
    this.#time = time;
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  add(giveUp: GiveUp): void {
    this.#all.push(giveUp);
  }

  /** There is something that may become idle. */
  wake(): void {
    if (!this.#running) void this.#run();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    this.#running = true;
    for (let left = true; left; ) {
      await this.#time.sleep(idleMs / 2, signal);
      if (signal.aborted) return;
      left = this.#all.map((giveUp) => this.#try(giveUp)).includes(true);
    }
    this.#running = false;
  }

  /**
   * Nobody waits for the sweep, so nobody could be told: what could not be given up now is by the
   * next one.
   */
  #try(giveUp: GiveUp): boolean {
    try {
      return giveUp(this.nowMs() - idleMs);
    } catch {
      return true;
    }
  }
}
