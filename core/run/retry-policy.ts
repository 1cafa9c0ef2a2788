import type { Instant } from "../api/ids.ts";
import { aheadSecondsMax, secondsBetween } from "../ports/clock.ts";
import { backoff } from "../waiting/backoff.ts";

/** How long to wait, how often to try. All of a run's patience is named here. */
export interface RetryPolicy {
  /** W21: tries of a task before the target's part of the run fails. */
  readonly triesMax: number;
  /** A worker that was heard of must be heard of again within this; it speaks every 30 s. */
  readonly workingSeconds: number;
  /**
   * A task that was sent must be heard of within this; it doubles with every
   * silence, up to the maximum.
   */
  readonly dispatchSeconds: number;
  readonly dispatchSecondsMax: number;
  /** Times in a row that tasks are sent again because nobody answered, before the part fails. */
  readonly silencesMax: number;
  /**
   * The wait before the next try doubles from the first to the second of these; a
   * fifth of it is chance.
   */
  readonly retrySeconds: number;
  readonly retrySecondsMax: number;
  /** The wait before an object is looked at again that a restore has. */
  readonly lockedSeconds: number;
}

export const defaultRetryPolicy: RetryPolicy = {
  triesMax: 10,
  workingSeconds: 90,
  dispatchSeconds: 60,
  dispatchSecondsMax: 3600,
  silencesMax: 10,
  retrySeconds: 2,
  retrySecondsMax: 300,
  lockedSeconds: 10,
};

/**
 * Seconds before the next try after `failures` failures in a row, with `fraction`
 * in [0, 1) for jitter.
 */
export const retryDelaySeconds = (policy: RetryPolicy, failures: number, fraction: number): number => {
  const retryBackoffSeconds = { first: policy.retrySeconds, max: policy.retrySecondsMax, jitter: 0.2 };
  return backoff(retryBackoffSeconds, failures, fraction);
};

/** Seconds within which tasks must be heard of that were sent again after `silence` silences. */
export const patienceSeconds = (policy: RetryPolicy, silence: number): number =>
  Math.min(policy.dispatchSecondsMax, policy.dispatchSeconds * 2 ** silence);

/** Further ahead than this no deadline is set; it was set by a clock that was wrong. */
export const deadlineSecondsMax = ({
  dispatchSeconds,
  dispatchSecondsMax,
  retrySecondsMax,
  workingSeconds,
}: RetryPolicy): number =>
  Math.max(dispatchSecondsMax, retrySecondsMax + dispatchSeconds, workingSeconds) + aheadSecondsMax;

/** Whether somebody must have answered by now; also by a deadline that nobody can have meant. */
export const hasPassed = (deadline: Instant, now: Instant, policy: RetryPolicy): boolean =>
  deadline <= now || secondsBetween(now, deadline) > deadlineSecondsMax(policy);
