import type { Time } from "../time/time.ts";

interface Waiter {
  readonly site: string;
  readonly letIn: () => void;
}

/**
 * Lets in so many at once, in fair shares: a site gets in while it has fewer inside than `max`
 * divided by the sites that are inside or wait, and one at least. Who is inside is never put out,
 * so one site alone may have all places; the next one has its share all the same, at once. Then
 * there are more inside than `max`, for a while: `max · (1 + 1/2 + 1/3 + …)` of so many sites at
 * most.
 */
export class FairGate {
  readonly #max: number;
  readonly #inside = new Map<string, number>();
  readonly #waiting: Waiter[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Waits for a place, `waitMs` at most. Those of a site are let in in order.
   * @returns what gives the place back, which counts once; undefined when there was none in time
   * @throws the signal's reason
   */
  async enter(options: {
    readonly site: string;
    readonly waitMs: number;
    readonly time: Pick<Time, "sleep">;
    readonly signal: AbortSignal;
  }): Promise<(() => void) | undefined> {
    const { site, waitMs, time, signal } = options;
    signal.throwIfAborted();
    const over = new AbortController();
    const waiter = { site, letIn: () => over.abort() };
    this.#waiting.push(waiter);
    this.#letIn();
    if (this.#waiting.includes(waiter)) await time.sleep(waitMs, AbortSignal.any([signal, over.signal]));
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return this.#leaver(site);
    this.#waiting.splice(at, 1);
    // With one site fewer, the others' shares are larger.
    this.#letIn();
    signal.throwIfAborted();
    return undefined;
  }

  #leaver(site: string): () => void {
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      const others = this.#of(site) - 1;
      if (others > 0) this.#inside.set(site, others);
      else this.#inside.delete(site);
      this.#letIn();
    };
  }

  #of(site: string): number {
    return this.#inside.get(site) ?? 0;
  }

  #letIn(): void {
    const sites = new Set([...this.#inside.keys(), ...this.#waiting.map(({ site }) => site)]).size;
    const share = Math.max(1, Math.floor(this.#max / sites));
    for (const waiter of [...this.#waiting]) {
      if (this.#of(waiter.site) >= share) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      this.#inside.set(waiter.site, this.#of(waiter.site) + 1);
      waiter.letIn();
    }
  }
}
