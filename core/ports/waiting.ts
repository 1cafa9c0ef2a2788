/** Waiting, for code that has to be tested without. */
export interface Waiting {
  /**
   * Resolves after `ms`, or at once when the signal is aborted; never rejects, so a loop looks at
   * the signal itself.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
