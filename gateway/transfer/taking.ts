import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { bytesPerSecondMin, fallsBehind } from "../time/pace.ts";
import type { Time } from "../time/time.ts";

/**
 * Below the 180 s after which a task is given up that stands still, so that this one says why. A
 * buffer of 64 KiB on a line of 56 kbit/s that sixteen uploads share takes as long to empty.
 */
const graceSeconds = 150;

/** How a target takes what is sent to it, all uploads of a session together. */
export class Taking {
  #bytes = 0;
  #awaited = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether it is the target's turn: what waits for our throttle, or is being read, is not. */
  get isAwaited(): boolean {
    return this.#awaited > 0;
  }

  readonly took = (bytes: number): void => {
    this.#bytes += bytes;
  };

  /** Passes pieces on; while one is out, the target is awaited. */
  async *awaited(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of pieces) {
      this.#awaited += 1;
      try {
        yield piece;
      } finally {
        this.#awaited -= 1;
      }
    }
  }
}

/**
 * Sends, unless the target takes too long for it: a session that does not move is a try that
 * failed, and holds no slot.
 * @throws LINK_SLOW, what `send` throws
 */
export const takenInTime = async <T>(
  options: { readonly siteId: SiteId; readonly time: Time; readonly signal: AbortSignal },
  send: (taking: Taking, signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const { siteId, time } = options;
  const taking = new Taking();
  const slow = new AbortController();
  const over = new AbortController();
  const pace = { graceSeconds, time, bytes: () => taking.bytes, isAwaited: () => taking.isAwaited };
  void fallsBehind(pace, over.signal).then((isBehind) => isBehind && slow.abort(tooSlow(siteId)));
  try {
    return await send(taking, AbortSignal.any([options.signal, slow.signal]));
  } finally {
    over.abort();
  }
};

const tooSlow = (siteId: SiteId): VisibleError =>
  new VisibleError(
    "LINK_SLOW",
    `Site ${siteId} took less than ${bytesPerSecondMin} bytes a second of a volume for ${graceSeconds} s.`,
    { hint: "It will be tried again. See whether the link is overloaded, and whether the peer's storage answers." },
  );
