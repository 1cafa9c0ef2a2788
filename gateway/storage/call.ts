/** Of whoever waits for a call. */
export interface StorageCall {
  /**
   * Aborted: the call is to stop where it is, and rejects with the reason, unless it is done first.
   */
  readonly signal?: AbortSignal;
  /**
   * A call that takes long says whenever it got something done: what limits it is how long it
   * stands still.
   */
  readonly onMoved?: () => void;
}
