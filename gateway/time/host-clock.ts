import { uptime } from "node:os";
import { clockOffSecondsMax } from "../../core/ports/clock.ts";
import type { Log } from "../log/log.ts";
import type { Time } from "./time.ts";

const lookMs = 60_000;
/** A clock that a time server slews moves by less than this in a minute. */
const jumpMsMin = 10_000;

/**
 * This host's clock beside two others: how long the host has been up, which goes on while it sleeps
 * and which nobody sets; and what the queues and the control plane say in the `Date` of their
 * answers.
 */
export class HostClock {
  readonly #time: Time;
  readonly #upMs: () => number;
  readonly #log: Log;
  /** What they said last, and how long the host had been up then. */
  #heard: { readonly theirMs: number; readonly atUpMs: number } | undefined;
  #isOff = false;

  /** @param options.upMs milliseconds since the host was started, also those that it slept */
  constructor(options: { readonly time: Time; readonly upMs?: () => number; readonly log: Log }) {
    this.#time = options.time;
    this.#upMs = options.upMs ?? (() => uptime() * 1000);
    this.#log = options.log;
  }

  /**
   * Takes note of an answer's `Date` (RFC 9110, 6.6.1), in whole seconds; whatever
   * is none is left alone.
   */
  readonly heard = (date: string | undefined): void => {
    const theirMs = Date.parse(date ?? "");
    if (!Number.isNaN(theirMs)) this.#heard = { theirMs, atUpMs: this.#upMs() };
  };

  /**
   * How far this host's clock is ahead of theirs, in whole seconds; negative: behind. Undefined
   * before anything was heard of them.
   */
  get aheadSeconds(): number | undefined {
    const aheadMs = this.#aheadMs();
    return aheadMs === undefined ? undefined : Math.round(aheadMs / 1000);
  }

  /**
   * Milliseconds since 1970 by this host's clock; while that is wrong, by theirs: what they are
   * told of and what they gave is judged by their clock.
   */
  readonly nowMs = (): number => {
    const aheadMs = this.#aheadMs();
    return this.#time.nowMs() - (aheadMs !== undefined && isOff(aheadMs) ? aheadMs : 0);
  };

  /**
   * Compares every minute until the signal is aborted. A jump is logged, and once each that the
   * clock is wrong or right again.
   */
  async follow(signal: AbortSignal): Promise<void> {
    let [wallMs, upMs] = [this.#time.nowMs(), this.#upMs()];
    for (;;) {
      await this.#time.sleep(lookMs, signal);
      if (signal.aborted) return;
      const [nextWallMs, nextUpMs] = [this.#time.nowMs(), this.#upMs()];
      const jumpMs = nextWallMs - wallMs - (nextUpMs - upMs);
      if (Math.abs(jumpMs) > jumpMsMin) {
        this.#log.warn({ bySeconds: Math.round(jumpMs / 1000) }, "this host's clock was set");
      }
      [wallMs, upMs] = [nextWallMs, nextUpMs];
      this.#compare();
    }
  }

  #compare(): void {
    const { aheadSeconds } = this;
    const wasOff = this.#isOff;
    this.#isOff = isOff(this.#aheadMs() ?? 0);
    if (this.#isOff && !wasOff) {
      this.#log.warn(
        { aheadSeconds },
        "this host's clock is wrong: let it follow a time server; certificates depend on it",
      );
    }
    if (!this.#isOff && wasOff) this.#log.info({ aheadSeconds }, "this host's clock is right again");
  }

  #aheadMs(): number | undefined {
    if (this.#heard === undefined) return undefined;
    const { theirMs, atUpMs } = this.#heard;
    return this.#time.nowMs() - (theirMs + this.#upMs() - atUpMs);
  }
}

const isOff = (aheadMs: number): boolean => Math.abs(aheadMs) > clockOffSecondsMax * 1000;
