/** A message as it lies on the site's task queue: its body is not looked at yet. */
export interface TaskMessage {
  /** The same in each delivery of the message. */
  readonly messageId: string;
  readonly body: string;
  /**
   * Names this delivery. A later delivery of the message has another receipt, and makes this one
   * worth nothing.
   */
  readonly receipt: string;
}

/**
 * The queue that the gateways of a site compete for. At least once, in any order. Expected
 * failures (network, throttling, a receipt that is gone) are thrown as they come: the caller
 * logs them and goes on.
 */
export interface TaskSource {
  /**
   * Waits `waitSeconds` at most for messages and hides them from others for `visibilitySeconds`.
   * While the queue does not exist, waits for it. `signal` ends the wait: then there are none. A
   * poll that its client gives up can still take a message with it, which comes again after
   * `visibilitySeconds`.
   */
  receive(options: {
    readonly max: number;
    readonly waitSeconds: number;
    readonly visibilitySeconds: number;
    readonly signal: AbortSignal;
    /** Called while it waits for the queue, each time that it has asked for it. */
    readonly onMoved?: () => void;
  }): Promise<readonly TaskMessage[]>;

  /** Hides the message from others for so many seconds from now. */
  extend(receipt: string, seconds: number): Promise<void>;

  /** The message's work is done. */
  remove(receipt: string): Promise<void>;

  /** Somebody else may have the message at once. */
  release(receipt: string): Promise<void>;
}
