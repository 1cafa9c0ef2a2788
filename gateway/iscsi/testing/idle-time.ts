import type { Time } from "../../time/time.ts";

/** So often everybody had a turn, and nobody did anything. */
const idleTurns = 12;

interface Sleeper {
  readonly wakesAtMs: number;
  readonly wake: () => void;
}

/**
 * A time that passes only while nothing happens: whoever waits for what never comes has waited at
 * once, and nobody is late because the machine is busy.
 */
export class IdleTime implements Time {
  readonly #happened: () => number;
  readonly #sleepers = new Set<Sleeper>();
  #nowMs = 0;

  /** @param happened counts whatever happens */
  constructor(happened: () => number) {
    this.#happened = happened;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { wakesAtMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  /** Lets it pass until `work` has ended. */
  async passWhile<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    void Promise.allSettled([work]).then(() => {
      isOver = true;
    });
    for (let [turns, before] = [0, this.#happened()]; !isOver; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const now = this.#happened();
      turns = now === before ? turns + 1 : 0;
      before = now;
      if (turns < idleTurns) continue;
      turns = 0;
      this.#pass();
    }
    return work;
  }

  #pass(): void {
    const next = Math.min(...[...this.#sleepers].map(({ wakesAtMs }) => wakesAtMs));
    if (!Number.isFinite(next)) return;
    this.#nowMs = next;
    for (const sleeper of [...this.#sleepers]) if (sleeper.wakesAtMs <= next) sleeper.wake();
  }
}
