import { VisibleError } from "../../core/api/errors.ts";

/** How long a peer may keep us waiting. */
export interface LivenessTimeouts {
  /** Nothing is heard of a peer that has a request: it sends a sign of life every 5 s. */
  readonly silenceSeconds: number;
  /**
   * From the request's last byte to the answer, however alive the peer is: it may have to make a
   * whole extent durable.
   */
  readonly answerSeconds: number;
}

/**
 * Watches over one request, from its first byte to the end of its answer, and gives it up when the
 * peer is silent or takes too long.
 */
export class Liveness {
  readonly #timeouts: LivenessTimeouts;
  readonly #dead = new AbortController();
  readonly #peer: string;
  readonly #onMoved: () => void;
  #silence: NodeJS.Timeout | undefined;
  #answer: NodeJS.Timeout | undefined;
  /** A body may be read on for a moment after nobody waits for an answer any more. */
  #isOver = false;

  /** @param onMoved hears of what the peer has taken, and of what it says when it is its turn */
  constructor(peer: string, timeouts: LivenessTimeouts, onMoved: () => void = () => undefined) {
    this.#peer = peer;
    this.#timeouts = timeouts;
    this.#onMoved = onMoved;
  }

  /** Aborted with LINK_BROKEN when the peer is given up. */
  get signal(): AbortSignal {
    return this.#dead.signal;
  }

  /** The peer has the beginning of the request. */
  begun(): void {
    if (this.#isOver) return;
    const { silenceSeconds } = this.#timeouts;
    this.#silence ??= setTimeout(() => this.giveUp(`said nothing for ${silenceSeconds} s`), silenceSeconds * 1000);
  }

  /** The peer has a piece of it. */
  taken(): void {
    if (!this.#isOver) this.#onMoved();
  }

  /** The peer has the whole of it. */
  sent(): void {
    if (this.#isOver) return;
    const { answerSeconds } = this.#timeouts;
    this.begun();
    this.#answer ??= setTimeout(() => this.giveUp(`did not answer within ${answerSeconds} s`), answerSeconds * 1000);
  }

  /** Something came from the peer. */
  heard(): void {
    if (this.#isOver) return;
    this.#silence?.refresh();
    // While we have something to send the peer can only say that it waits, and that is
    // no movement of ours.
    if (this.#answer !== undefined) this.#onMoved();
  }

  ended(): void {
    this.#isOver = true;
    clearTimeout(this.#silence);
    clearTimeout(this.#answer);
  }

  /** @param how what the peer did, as the end of a sentence */
  giveUp(how: string): void {
    this.#dead.abort(
      new VisibleError("LINK_BROKEN", `The gateway ${this.#peer} ${how}.`, {
        hint: "See whether the link is up, and whether the peer and its storage answer.",
      }),
    );
  }
}
