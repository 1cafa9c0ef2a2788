import type { VisibleError } from "../../core/api/errors.ts";
import type { Time } from "./time.ts";

/** Whoever watches over work: it may tell it to stop, and wants to hear when something got done. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly onMoved: () => void;
}

/** How long what may stand still. */
export interface Patience {
  readonly seconds: number;
  readonly time: Time;
  /**
   * Whether it waits for somebody else, who has a limit of his own: then it doesn't stand still.
   */
  readonly isHeldUp?: (() => boolean) | undefined;
}

/** A standstill is counted in so many steps. */
const steps = 12;

/**
 * Whether work moves. Alive is what gets something done, whatever a timer says: a timer goes on
 * beating beside a call that never returns.
 */
export class Movement {
  #hasMoved = false;

  readonly onMoved = (): void => {
    this.#hasMoved = true;
  };

  /**
   * Waits until nothing has moved for so long, give or take a twelfth. It counts steps and looks at
   * no clock: a clock that is set, a host that slept and a thread that was busy with something else
   * make no standstill.
   * @returns false when the signal is aborted first
   */
  async standsStill({ seconds, time, isHeldUp = () => false }: Patience, signal: AbortSignal): Promise<boolean> {
    for (let quiet = 0; quiet < steps; quiet++) {
      await time.sleep((seconds * 1000) / steps, signal);
      if (signal.aborted) return false;
      if (this.#hasMoved || isHeldUp()) quiet = -1;
      this.#hasMoved = false;
    }
    return true;
  }
}

export interface WhileMovingOptions<T> extends Patience {
  /** What is thrown when it stood still. */
  readonly late: () => VisibleError;
  /** Ends the waiting, with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears when something got done, and of the end. */
  readonly onMoved?: (() => void) | undefined;
  /** Is given work that is no longer waited for: it may end some day, or never. */
  readonly onAbandoned?: (work: Promise<T>) => void;
}

/**
 * Does `work`, and waits for it as long as it moves and nobody calls it off. Work that does not
 * stop when it is told to is left to itself: a promise that never settles holds nobody. What it is
 * given is used before this returns its promise.
 * @throws what `work` throws, what `late` gives, the signal's reason
 */
export const whileMoving = async <T>(
  options: WhileMovingOptions<T>,
  work: (watch: Watch) => Promise<T>,
): Promise<T> => {
  const { signal, late, onMoved, onAbandoned } = options;
  signal?.throwIfAborted();
  const movement = new Movement();
  const stop = new AbortController();
  const givenUp = Promise.withResolvers<never>();
  const giveUp = (reason: unknown) => {
    stop.abort(reason);
    givenUp.reject(reason);
  };
  const onAbort = () => giveUp(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const over = new AbortController();
  const working = work({
    signal: stop.signal,
    onMoved: () => {
      movement.onMoved();
      onMoved?.();
    },
  });
  void movement.standsStill(options, over.signal).then((still) => still && giveUp(late()));
  try {
    return await Promise.race([working, givenUp.promise]);
  } finally {
    over.abort(over);
    signal?.removeEventListener("abort", onAbort);
    if (stop.signal.aborted) onAbandoned?.(working);
    else onMoved?.();
  }
};
