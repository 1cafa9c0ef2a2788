import { type ErrorCode, VisibleError } from "../../../core/api/errors.ts";

/**
 * A change was sent, and nobody knows whether it was done, or will be: its answer was lost, or its
 * task stands still. What it was to make is to be looked for before it is made again.
 */
export class OutcomeUnknownError extends VisibleError {
  readonly sent = true;

  constructor(
    code: ErrorCode & ("CLUSTER_UNREACHABLE" | "TIMEOUT"),
    message: string,
    options: { hint: string; cause?: unknown },
  ) {
    super(code, message, options);
    this.name = "OutcomeUnknownError";
  }
}
