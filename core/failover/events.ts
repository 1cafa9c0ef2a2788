import type { FailoverCommand, FailoverGroup, FailoverObject } from "../api/failover/failover.ts";
import type { RunId } from "../api/ids.ts";
import type { Reason } from "../api/reason.ts";

/** What a step that is done has come to, as far as later ones need it. */
export interface StepResult {
  readonly runId?: RunId;
  /** Of what was to be switched off: what can't be. */
  readonly unstoppable?: readonly FailoverObject[];
  /** Of what was sent. */
  readonly group?: FailoverGroup;
  /** Of a comparison: what differs, how much does not, and how much is not there. */
  readonly changed?: readonly FailoverObject[];
  readonly changedCount?: number;
  readonly unchangedCount?: number;
  readonly missingCount?: number;
  /** What is on, and may be written now: where all of it was switched off before. */
  readonly on?: readonly FailoverObject[];
  /** It is one of the stages; whoever finds no further one says so without this. */
  readonly isStage?: boolean;
  /** What a person is told after it, who then says when it goes on. */
  readonly message?: string | undefined;
  /** What is to be known from now on, such as what could not be removed. */
  readonly warnings?: readonly Reason[];
}

export type FailoverEvent =
  /** A run that does what the state says is about to begin. */
  | { readonly type: "begins"; readonly runId: RunId }
  /** What the state does has come to its end well. */
  | { readonly type: "done"; readonly result: StepResult }
  | { readonly type: "failed"; readonly reason: Reason }
  /** Its time has come: of a test, or of another try. */
  | { readonly type: "due" }
  | { readonly type: FailoverCommand; readonly discardChanges: boolean };
