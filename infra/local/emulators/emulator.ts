/** Something that stands in for an AWS service on this machine. */
export interface Emulator {
  /** `unix:<socket>` or `http://127.0.0.1:<port>`, for `AWS_ENDPOINT_URL_<SERVICE>`. */
  readonly endpoint: string;
  /**
   * Rejects when it has ended and can't be started again. Absent for one that runs in this process.
   */
  readonly lost?: Promise<never>;
  /** Ends it; nothing of it is left running afterwards. */
  stop(): Promise<void>;
}
