import type { Instant, PlanId } from "../api/ids.ts";

/**
 * What EventBridge Scheduler is told of a plan. It may fire more often than the plan
 * has slots; never less.
 */
export interface SchedulerExpression {
  /** `cron(minute hour day-of-month month day-of-week year)` */
  readonly expression: string;
  /** IANA name. */
  readonly timeZone: string;
  readonly endsAt?: Instant;
}

/** The service that invokes the plan function. Both calls are idempotent. */
export interface Scheduler {
  /** Makes or replaces the plan's one schedule. */
  put(planId: PlanId, schedule: SchedulerExpression): Promise<void>;
  /** Removes it; nothing happens when there is none. */
  remove(planId: PlanId): Promise<void>;
}
