/** Of whoever waits for a call; a StorageCall is one. */
export interface IscsiCall {
  /** Aborted: the call rejects with the reason, as soon as its buffer is nobody's any more. */
  readonly signal?: AbortSignal;
  /** Called whenever something of the call got done. */
  readonly onMoved?: () => void;
}
