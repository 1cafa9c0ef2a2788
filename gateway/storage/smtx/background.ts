import type { StorageCall } from "../call.ts";

/** Whoever has more to be done waits for one of these. */
const underWayMax = 16;

/**
 * What nobody waits for: things of ours that are removed from the cluster when they are needed no
 * more. What fails is left to the reaper.
 */
export class Background {
  readonly #underWay = new Set<Promise<void>>();
  readonly #end = new AbortController();

  async begin(work: (call: StorageCall) => Promise<unknown>): Promise<void> {
    while (this.#underWay.size >= underWayMax) await Promise.race(this.#underWay);
    const done: Promise<void> = work({ signal: this.#end.signal })
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** All that has begun is over. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Waits for what goes on, for so long; then it is called off. */
  async close(waitMs = 10_000): Promise<void> {
    const late = setTimeout(() => this.#end.abort(new Error("the storage is closed")), waitMs);
    await this.settled();
    clearTimeout(late);
  }
}
