import type { Instant, SiteId } from "../api/ids.ts";
import type { Reason } from "../api/reason.ts";
import type { Base, Moved, Progress, Published, Shard, Step } from "../api/run.ts";

/** What can happen to one target's part of a run. */
export type PartEvent =
  /** The target's lane is free. */
  | { readonly type: "start" }
  /** A newer slot took this one's place in the lane's queue (W22), or the plan was deleted. */
  | { readonly type: "supersede"; readonly reason: Reason }
  /**
   * All tasks of the step are done.
   * `warning`: and something is to be known of it. `moved`: of `transferring`.
   */
  | { readonly type: "done"; readonly step: Step; readonly warning?: Reason; readonly moved?: Moved }
  /** A task of the step is given up. */
  | { readonly type: "gave-up"; readonly step: Step; readonly reason: Reason }
  | { readonly type: "cancel" }
  /** Of an attachment: somebody has enough of it. */
  | { readonly type: "detach" }
  /** What follows from its end is done. `moved`: what it had sent when it was given up. */
  | { readonly type: "settled"; readonly moved?: Moved };

/** What can happen to the task that a shard has given out. */
export type TaskEvent =
  | ({ readonly type: "working"; readonly progress?: Progress } & AboutTask)
  | ({ readonly type: "completed"; readonly answer: TaskAnswer } & AboutTask)
  | ({
      readonly type: "failed";
      readonly reason: Reason;
      readonly retryable: boolean;
      readonly progressed: boolean;
      /** The target has no base of the object: the next try sends it in full. */
      readonly noBase?: boolean;
    } & AboutTask)
  /** The deadline has passed; `isStaffed`: gateways that could do the task were heard of lately. */
  | { readonly type: "overdue"; readonly isStaffed: boolean };

interface AboutTask {
  readonly index: number;
  readonly attempt: number;
}

/** What a shard keeps of an answer. */
export interface TaskAnswer {
  /** Absent: the answer is whole. */
  readonly part?: { readonly number: number; readonly of: number };
  readonly progress?: Progress;
  /** Of a snapshot: of the objects in this part of the answer. */
  readonly taken?: NonNullable<Shard["taken"]>;
  readonly published?: Published;
  /** So many warnings came with it. */
  readonly warned?: number;
  /** Of a reclaim: there was too much for once, and more is to be deleted. */
  readonly more?: boolean;
}

/** The world as decisions may see it: the time, and a number in [0, 1) for jitter. */
export interface RunContext {
  readonly now: Instant;
  readonly fraction: number;
}

/** What the tasks of a step are told besides what they are about. */
export interface Told {
  readonly source: SiteId;
  readonly sender?: SiteId;
  readonly at?: SiteId;
  readonly sequence: number;
  readonly base?: Base;
  readonly compression?: NonNullable<Shard["compression"]>;
  readonly volumePages?: number;
  readonly pool?: string;
}
