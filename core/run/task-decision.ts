import type { Shard } from "../api/run.ts";

/** What became of a shard, and what is to be done about the task that it gives out. */
export interface TaskDecision {
  readonly shard: Shard;
  /** The task is to be sent, so many seconds later. */
  readonly send?: { readonly delaySeconds: number };
  /** The step can't be done, for this reason. */
  readonly gaveUp?: NonNullable<Shard["reason"]>;
}
