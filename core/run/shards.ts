import type { Instant } from "../api/ids.ts";
import type { Shard, Step } from "../api/run.ts";
import { addSeconds } from "../ports/clock.ts";
import type { Told } from "./events.ts";
import { patienceSeconds, type RetryPolicy } from "./retry-policy.ts";

/**
 * A step's tasks at one target are given out by so many shards, each one at a time: so many are
 * under way. Part of the documents' form, since a task's number tells its shard.
 */
export const shardsMax = 8;

export const shardOf = (index: number): number => index % shardsMax;

/** How many shards a step of `count` tasks has. */
export const shardCount = (count: number): number => Math.min(shardsMax, count);

/** All of its tasks are done. */
export const isFinished = ({ index, count }: Pick<Shard, "index" | "count">): boolean => index >= count;

/** How many of its tasks are done. */
export const doneCount = ({ index, shard }: Pick<Shard, "index" | "shard">): number => (index - shard) / shardsMax;

/** Whether the task with this number is done. */
export const isTaskDone = (shard: Pick<Shard, "index">, index: number): boolean => index < shard.index;

/** A shard that gives out its first task now. */
export const firstShard = (
  { step, shard, count, told }: { step: Step; shard: number; count: number; told: Told },
  now: Instant,
  policy: RetryPolicy,
): Shard => ({
  step,
  shard,
  count,
  index: shard,
  attempt: 1,
  failures: 0,
  silence: 0,
  deadline: addSeconds(now, patienceSeconds(policy, 0)),
  ...told,
});

/** A shard of a part that is over gives out nothing any more. */
export const closed = (shard: Shard): Shard => ({ ...shard, deadline: null, closed: true });

/** One that was closed before its tasks were done begins with the next of them again. */
export const reopened = (
  { closed: _, reason: __, waiting: ___, ...shard }: Shard,
  now: Instant,
  policy: RetryPolicy,
): Shard => ({
  ...shard,
  attempt: shard.attempt + 1,
  failures: 0,
  silence: 0,
  deadline: addSeconds(now, patienceSeconds(policy, 0)),
});
