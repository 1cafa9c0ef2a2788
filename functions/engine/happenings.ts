import type { FailoverId, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { PlanEvent } from "../../core/plan/events.ts";
import type { Key } from "../../core/ports/store.ts";
import type { PartEvent, TaskEvent } from "../../core/run/events.ts";
import type { StoredPlan } from "../plans/plan-objects.ts";
import type { ShardId } from "../runs/shards.ts";
import type { NewEntry } from "./outbox.ts";

/**
 * Something that happens to one of the state machines, or has to be done for one. What is done for
 * one gives back what happens to others because of it, so nobody calls anybody in a circle.
 */
export type Happening = (
  | { readonly to: "plan"; readonly planId: PlanId; readonly event: PlanEvent }
  | { readonly to: "part"; readonly runId: RunId; readonly target: SiteId; readonly event: PartEvent }
  /** A part has just come to its state, and what that says is made true. */
  | { readonly to: "go-on"; readonly run: Run; readonly target: SiteId }
  | { readonly to: "task"; readonly shard: ShardId; readonly event: TaskEvent }
  /** The source is told what its plan needs no longer, now that a run of it is over. */
  | { readonly to: "tidy"; readonly runId: RunId; readonly target: SiteId }
  /** A run that a failover began has ended. */
  | { readonly to: "failover"; readonly failoverId: FailoverId }
  /** The effects of a plan's change are carried out. */
  | {
      readonly to: "carry-out";
      readonly entry: Pick<NewEntry, "key" | "body">;
      /** The plan as it was just written with them. */
      readonly plan?: StoredPlan;
    }
  /** All that follows from an entry is safe: it goes. */
  | { readonly to: "forget"; readonly entry: Key }
) & {
  /**
   * The document that this follows from. What follows from one happens in order: where something
   * can't be done, nothing that comes after it is, and whoever looks at the document begins again.
   */
  readonly because?: Key;
};
