import type { Time } from "../../../time/time.ts";
import type { HolderRow } from "./holder.ts";

/** Who says nothing for so long is taken for dead. */
const silentMsMax = 300_000;

/** How long holders have said nothing, for somebody who looks at them, by his own clock. */
export class Silence {
  readonly #time: Time;
  #seen: ReadonlyMap<string, { readonly beat: number; readonly sinceMs: number }> = new Map();

  constructor(time: Time) {
    this.#time = time;
  }

  /** @param holders all that there are */
  look(holders: readonly HolderRow[]): void {
    const nowMs = this.#time.nowMs();
    this.#seen = new Map(
      holders.map(({ id, beat }) => {
        const before = this.#seen.get(id);
        return [id, { beat, sinceMs: before?.beat === beat ? before.sinceMs : nowMs }];
      }),
    );
  }

  /** One that is not among the holders has nothing open. */
  isDead(holder: string): boolean {
    const seen = this.#seen.get(holder);
    return seen === undefined || this.#time.nowMs() - seen.sinceMs >= silentMsMax;
  }
}
