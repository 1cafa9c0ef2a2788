/** What bounds an initiator, with what is usual. */
export interface IscsiLimits {
  /** For one portal to take a connection. */
  readonly connectSeconds: number;
  /** For a whole login, with its redirections. */
  readonly loginSeconds: number;
  /** So long a command may stand still; then it is aborted. */
  readonly commandSeconds: number;
  /** A target that was silent for so long is asked whether it is there. */
  readonly silenceSeconds: number;
  /** So long it has to say so. */
  readonly answerSeconds: number;
  /** So long it has to forget a command that is aborted, or to take a farewell. */
  readonly abortSeconds: number;
  /** How often in a row a connection is made anew, some seconds apart, before a call fails. */
  readonly reconnects: number;
  /** How often a command is sent again that found the target busy. */
  readonly busyTries: number;
  /** Of one session. */
  readonly requestsInFlight: number;
  /** What is longer is split. */
  readonly requestBytes: number;
}

export const usualIscsiLimits: IscsiLimits = {
  connectSeconds: 10,
  loginSeconds: 20,
  commandSeconds: 60,
  silenceSeconds: 5,
  answerSeconds: 10,
  abortSeconds: 5,
  reconnects: 20,
  busyTries: 12,
  requestsInFlight: 16,
  requestBytes: 1024 * 1024,
};

/** How often all this is looked at. */
export const tickMs = 250;

/** Waits are counted in looks, not by a clock: nobody is late because this process was. */
export const ticksOf = (seconds: number): number => Math.ceil((seconds * 1000) / tickMs);
