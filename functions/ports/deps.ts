import type { Failure } from "../../core/api/failure.ts";
import type { FailoverId } from "../../core/api/ids.ts";
import type { Clock } from "../../core/ports/clock.ts";
import type { Ids } from "../../core/ports/ids.ts";
import type { TaskQueue } from "../../core/ports/queue.ts";
import type { Scheduler } from "../../core/ports/scheduler.ts";
import type { DocumentStore } from "../../core/ports/store.ts";
import type { RetryPolicy } from "../../core/run/retry-policy.ts";

/** Structured logging: one JSON object a line. Secrets are never passed to it. */
export interface Log {
  info(fields: object, message: string): void;
  /**
   * Something failed and comes again: a
   * `notice` with its code where it was to be expected, a `warn` where its disk is behind it, an
   * `error` with its stack where it is a defect.
   */
  failed(fields: Failure, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a function needs from outside: the adapters of core's ports. */
export interface Deps {
  readonly store: DocumentStore;
  readonly tasks: TaskQueue;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Goes on with a failover whose run has ended. Absent: the sweep does. */
  readonly goOnWithFailover?: (deps: Deps, id: FailoverId) => Promise<void>;
  /** How patient runs are; `defaultRetryPolicy` unless given. */
  readonly retryPolicy?: RetryPolicy;
}
