import { type IscsiLimits, ticksOf } from "../limits.ts";

/** What is to be done about a target's silence. */
export type PulseAct = "ask" | "giveUp" | undefined;

/**
 * Finds out whether a target is still there: asks a silent one, and gives up one that says nothing.
 */
export class Pulse {
  readonly #silenceTicks: number;
  readonly #answerTicks: number;
  #receipts = 0;
  #silentTicks = 0;

  constructor({ silenceSeconds, answerSeconds }: IscsiLimits) {
    this.#silenceTicks = ticksOf(silenceSeconds);
    this.#answerTicks = ticksOf(answerSeconds);
  }

  /** @param receipts counts whatever came so far */
  tick(receipts: number): PulseAct {
    if (receipts !== this.#receipts) {
      this.#receipts = receipts;
      this.#silentTicks = 0;
      return undefined;
    }
    this.#silentTicks += 1;
    if (this.#silentTicks === this.#silenceTicks) return "ask";
    return this.#silentTicks >= this.#silenceTicks + this.#answerTicks ? "giveUp" : undefined;
  }
}
