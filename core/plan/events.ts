import type { Instant, RunId, SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import type { Reason } from "../api/reason.ts";
import type { Skip } from "../api/run.ts";

export type PlanEvent =
  /** The schedule fired, or the sweep looks whether it should have. */
  | { readonly type: "tick" }
  /** A person wants a run now. */
  | { readonly type: "run-now" }
  /** The run's part at a target has ended. */
  | { readonly type: "released"; readonly target: SiteId; readonly runId: RunId }
  /**
   * A site has a group of the plan with this number, though the plan has not come so far: its table
   * was set back.
   */
  | { readonly type: "overtaken"; readonly sequence: number }
  /** Something other than a run of the plan's own takes the next number. */
  | { readonly type: "take-number" }
  | { readonly type: "change"; readonly change: (plan: Plan) => Plan }
  | { readonly type: "suspend" }
  | { readonly type: "resume" }
  | { readonly type: "delete" };

/**
 * What a plan wants done, in this order, after its new state is safe. Each may be carried out more
 * than once.
 */
export type PlanEffect =
  | {
      readonly type: "create-run";
      readonly runId: RunId;
      readonly slot: Instant;
      readonly sequence: number;
      readonly trigger: "schedule" | "person";
      /**
       * The slot was settled before, when a clock was wrong: what was recorded of
       * it then is taken back.
       */
      readonly again?: boolean;
      readonly targets: readonly SiteId[];
    }
  | { readonly type: "start"; readonly runId: RunId; readonly target: SiteId }
  | { readonly type: "supersede"; readonly runId: RunId; readonly target: SiteId; readonly reason: Reason }
  | { readonly type: "cancel"; readonly runId: RunId; readonly target: SiteId }
  | { readonly type: "record-skip"; readonly skip: Skip }
  /** Snapshots that a backup plan keeps on its source as bases are given up. */
  | { readonly type: "tidy-source" }
  /** The service that fires the schedule is brought in line with the plan. */
  | { readonly type: "sync-schedule" };
