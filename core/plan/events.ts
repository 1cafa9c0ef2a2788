import type { FailoverId, Instant, RunId, SiteId } from "../api/ids.ts";
import type { Plan, PlanPlace } from "../api/plan.ts";
import type { Reason } from "../api/reason.ts";
import type { Skip } from "../api/run.ts";

/** It is the run of its slot, however often it is asked for. */
export interface RunOfFailover {
  readonly failoverId: FailoverId;
  readonly slot: Instant;
  /** Of the plan's targets these. */
  readonly targets: readonly SiteId[];
}

export type PlanEvent =
  /** The schedule fired, or the sweep looks whether it should have. */
  | { readonly type: "tick" }
  /** A person wants a run now, or the failover that moves the plan's objects. */
  | { readonly type: "run-now"; readonly of?: RunOfFailover }
  /** A failover begins to move the plan's objects: slots get no run until it is done. */
  | { readonly type: "moving"; readonly failoverId: FailoverId }
  /** It is done, or given up. What is said of another one than is under way changes nothing. */
  | { readonly type: "moved"; readonly failoverId: FailoverId }
  /**
   * The failover that is under way has brought the plan's objects to a place, or back home. What
   * runs is cancelled, for it takes its snapshots elsewhere.
   */
  | { readonly type: "place"; readonly failoverId: FailoverId; readonly place: PlanPlace | undefined }
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
      /** What its head and what it is told say of them: of the plan as it was decided. */
      readonly at?: SiteId;
      readonly standIns?: readonly RunId[];
      readonly failoverId?: FailoverId;
    }
  | { readonly type: "start"; readonly runId: RunId; readonly target: SiteId }
  | { readonly type: "supersede"; readonly runId: RunId; readonly target: SiteId; readonly reason: Reason }
  | { readonly type: "cancel"; readonly runId: RunId; readonly target: SiteId }
  | { readonly type: "record-skip"; readonly skip: Skip }
  /** Snapshots that a backup plan keeps on its source as bases are given up. */
  | { readonly type: "tidy-source" }
  /** The service that fires the schedule is brought in line with the plan. */
  | { readonly type: "sync-schedule" };
