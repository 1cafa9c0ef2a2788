import { setImmediate } from "node:timers/promises";
import type { Time } from "../../../../time/time.ts";

interface Sleeper {
  readonly dueMs: number;
  readonly wake: () => void;
}

/** Time that goes on only when so many sleep as there are in a test, so that none is ever late. */
export class VirtualTime implements Time {
  #nowMs = 1_000_000;
  readonly #sleepers = new Set<Sleeper>();

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { dueMs: this.#nowMs + ms, wake };
      if (signal.aborted) return resolve();
      this.#sleepers.add(sleeper);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  /** Until the promise has settled: when `count` sleep, wakes the one whose time comes first. */
  async runUntil<T>(promise: Promise<T>, count = 1): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    while (!isSettled) {
      await setImmediate();
      if (this.#sleepers.size >= count && !isSettled) this.#wakeFirst();
    }
    return promise;
  }

  #wakeFirst(): void {
    const first = [...this.#sleepers].toSorted((a, b) => a.dueMs - b.dueMs)[0];
    if (first === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, first.dueMs);
    first.wake();
  }
}
