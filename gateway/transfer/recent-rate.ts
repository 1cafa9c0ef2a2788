import type { Progress } from "../../core/api/run.ts";

export type Rate = NonNullable<Progress["rate"]>;

interface Moment {
  readonly atMs: number;
  readonly doneBytes: number;
  readonly sentBytes: number;
}

/** The rate is that of the last so many seconds. */
const windowMs = 10_000;
/** Of less nothing is said: what came in the first moments says little of what follows. */
const leastMs = 1_000;

/** How fast something went in the last seconds, told by how far it was at each moment. */
export class RecentRate {
  #moments: readonly Moment[] = [];

  /** @returns undefined before there is a second to go by, and when something was begun anew */
  at(now: Moment): Rate | undefined {
    const last = this.#moments.at(-1);
    const isAnew = last !== undefined && (now.doneBytes < last.doneBytes || now.atMs < last.atMs);
    const from = isAnew ? [] : this.#moments;
    // The one before the window stays: it is where the window begins.
    const first = from.findLastIndex(({ atMs }) => atMs <= now.atMs - windowMs);
    this.#moments = [...from.slice(Math.max(0, first)), now];
    return this.#rate(now);
  }

  #rate(now: Moment): Rate | undefined {
    const [since] = this.#moments;
    if (since === undefined || now.atMs - since.atMs < leastMs) return undefined;
    const seconds = (now.atMs - since.atMs) / 1000;
    return {
      doneBytesPerSecond: Math.round((now.doneBytes - since.doneBytes) / seconds),
      sentBytesPerSecond: Math.round(Math.max(0, now.sentBytes - since.sentBytes) / seconds),
    };
  }
}
