import type { Instant, SiteId } from "../api/ids.ts";
import type { Reason, Step } from "../api/run.ts";

interface AboutTask {
  readonly target: SiteId;
  readonly step: Step;
  readonly index: number;
  readonly attempt: number;
}

/** What can happen to a run. Every event names the target that it is about, but for a person's cancel. */
export type RunEvent =
  /** The target's lane is free. */
  | { readonly type: "start"; readonly target: SiteId }
  /** A newer slot took this one's place in the lane's queue (W22), or the plan was deleted. */
  | { readonly type: "supersede"; readonly target: SiteId; readonly reason: Reason }
  | ({ readonly type: "working" } & AboutTask)
  | ({ readonly type: "completed" } & AboutTask)
  | ({
      readonly type: "failed";
      readonly reason: Reason;
      readonly retryable: boolean;
      readonly progressed: boolean;
    } & AboutTask)
  /** The part's deadline has passed; `isStaffed`: gateways that could do its tasks were heard of lately. */
  | { readonly type: "overdue"; readonly target: SiteId; readonly isStaffed: boolean }
  | { readonly type: "cancel"; readonly target: SiteId };

/**
 * What a run wants done, in this order, after its new state is safe. Each may be carried out more than once and then
 * does nothing (I8): tasks have derived ids, records are put under derived keys, lanes are released by name.
 */
export type RunEffect =
  | {
      readonly type: "dispatch";
      readonly target: SiteId;
      readonly step: Step;
      readonly tasks: readonly { readonly index: number; readonly attempt: number }[];
      readonly delaySeconds: number;
    }
  | { readonly type: "record-group"; readonly role: "source" | "mirror"; readonly target: SiteId }
  /** Whoever still writes for this part is fenced off. */
  | { readonly type: "abort"; readonly target: SiteId }
  /** The part has ended: the lane is free, or the restore's hold can go. */
  | { readonly type: "ended"; readonly target: SiteId }
  /** What the part made on the source is of no use any more: the run didn't come to its own reclaim. */
  | { readonly type: "tidy-source"; readonly target: SiteId };

/** The world as `decide` may see it: the time, and a number in [0, 1) for jitter. */
export interface RunContext {
  readonly now: Instant;
  readonly fraction: number;
}
